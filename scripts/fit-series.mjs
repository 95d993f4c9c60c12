// Fits the sums of waves of src/functions/series-fits.ts: the best that a few waves can do in the largest error, by Lawson's
// iteration (weighted least squares whose weights grow where the error is large). Run by hand when a function is added; the
// result is committed, because coefficients are part of plans and must not depend on a machine's Math.
import { writeFileSync } from "node:fs";

function erf(x) {
  const a = Math.abs(x);
  let sum = 0;
  if (a < 3) {
    let term = a;
    for (let n = 0; n < 150; n++) {
      sum += term / (2 * n + 1);
      term *= (-a * a) / (n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  for (let n = 60; n >= 1; n--) sum = n / 2 / (a + sum);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + sum));
}
const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const inner = (x) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const slope = (x) => Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
const half = (x) => Math.tanh(x / 2);

/** Odd functions by sines of odd waves, even ones by cosines of all, others by both. `ratio`: of the period to the interval, else searched. */
const wanted = {
  tanhHalf: { f: half, odd: true, to: 11, count: 11, about: "tanh(x / 2)" },
  erf: { f: erf, odd: true, to: 3.1, count: 6, about: "erf(x)" },
  erfSlope: { f: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x), to: 3.1, count: 6, about: "its derivative" },
  gelu: { f: (x) => (x / 2) * erf(x / Math.SQRT2), to: 4.6, count: 8, about: "x Phi(x) - x / 2" },
  geluSlope: {
    f: (x) => erf(x / Math.SQRT2) / 2 + x * density(x),
    odd: true,
    to: 4.6,
    count: 7,
    about: "its derivative",
  },
  geluTanh: { f: (x) => (x / 2) * Math.tanh(inner(x)), to: 4.6, count: 8, about: "the same with tanh" },
  geluTanhSlope: {
    f: (x) => Math.tanh(inner(x)) / 2 + ((x / 2) * slope(x)) / Math.cosh(inner(x)) ** 2,
    odd: true,
    to: 4.6,
    count: 7,
    about: "its derivative",
  },
  silu: { f: (x) => (x / 2) * half(x), to: 13, count: 16, about: "x / (1 + exp(-x)) - x / 2" },
  siluSlope: {
    f: (x) => half(x) / 2 + (x / 4) * (1 - half(x) ** 2),
    odd: true,
    to: 13,
    count: 14,
    about: "its derivative",
  },
  softplus: { f: (x) => Math.log(2 * Math.cosh(x / 2)), to: 11, count: 11, about: "log(1 + exp(x)) - x / 2" },
  inverse: { f: (x) => 1 / x, from: 0.5, to: 1, ratio: 4, count: 4, relative: true, about: "1 / x" },
  log: { f: Math.log, from: 0.5, to: 1, ratio: 4, count: 4, about: "log(x)" },
  root: { f: Math.sqrt, from: 0.5, to: 1, ratio: 4, count: 4, relative: true, about: "sqrt(x)" },
  inverseRoot: {
    f: (x) => 1 / Math.sqrt(x),
    from: 0.5,
    to: 1,
    ratio: 4,
    count: 4,
    relative: true,
    about: "1 / sqrt(x)",
  },
  inverseRootTo8: {
    f: (x) => 1 / Math.sqrt(x),
    from: 0.125,
    to: 1,
    ratio: 1.82,
    count: 12,
    relative: true,
    about: "1 / sqrt(x)",
  },
  inverseTo3: { f: (x) => 1 / x, from: 0.34, to: 1, ratio: 3, count: 5, relative: true, about: "1 / x" },
  inverseTo4: { f: (x) => 1 / x, from: 1, to: 4, count: 8, about: "1 / x" },
  inverseTo16: { f: (x) => 1 / x, from: 1, to: 16, count: 16, most: 1.35, about: "1 / x" },
  logTo16: { f: Math.log, from: 1, to: 16, count: 16, most: 1.35, about: "log(x)" },
  inverseTo128: { f: (x) => 1 / x, from: 1, to: 128, ratio: 1.35, count: 12, relative: true, about: "1 / x" },
};

/** Least squares with weights, by Householder's reflections on the stacked rows; `ridge` keeps coefficients small. */
function leastSquares(matrix, values, weights, ridge) {
  const n = matrix[0].length;
  const rows = matrix.map((row, i) => [...row, values[i]].map((value) => value * Math.sqrt(weights[i])));
  for (let j = 0; j < n; j++) rows.push(Array.from({ length: n + 1 }, (_, i) => (i === j ? ridge : 0)));
  for (let j = 0; j < n; j++) {
    let norm = 0;
    for (let i = j; i < rows.length; i++) norm += rows[i][j] ** 2;
    const alpha = rows[j][j] > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
    const v = rows.map((row, i) => (i < j ? 0 : i === j ? row[j] - alpha : row[j]));
    const square = v.reduce((sum, value) => sum + value * value, 0);
    for (let c = j; c <= n; c++) {
      let dot = 0;
      for (let i = j; i < rows.length; i++) dot += v[i] * rows[i][c];
      for (let i = j; i < rows.length; i++) rows[i][c] -= ((2 * dot) / square) * v[i];
    }
  }
  const result = new Array(n).fill(0);
  for (let j = n - 1; j >= 0; j--) {
    let rest = rows[j][n];
    for (let c = j + 1; c < n; c++) rest -= rows[j][c] * result[c];
    result[j] = rest / rows[j][j];
  }
  return result;
}

function fit({ f, odd = false, from, to, count, relative = false }, ratio) {
  const both = from !== undefined;
  const [centre, reach] = both ? [(from + to) / 2, (to - from) / 2] : [0, to];
  const period = 2 * ratio * reach;
  const waves = Array.from({ length: count }, (_, k) => ((odd ? 2 * k + 1 : k + 1) * 2 * Math.PI) / period);
  const basis = [
    ...(odd ? [] : [() => 1]),
    ...(odd ? [] : waves.map((w) => (x) => Math.cos(w * (x - centre)))),
    ...(odd || both ? waves.map((w) => (x) => Math.sin(w * (x - centre))) : []),
  ];
  const points = 300;
  // Chebyshev's points; of odd and even functions the right half is enough.
  const xs = Array.from({ length: points }, (_, i) =>
    both
      ? centre - reach * Math.cos((Math.PI * (i + 0.5)) / points)
      : to * Math.sin((Math.PI * (i + 0.5)) / 2 / points),
  );
  const scale = (x) => (relative ? 1 / Math.abs(f(x)) : 1);
  const matrix = xs.map((x) => basis.map((g) => g(x) * scale(x)));
  const values = xs.map((x) => f(x) * scale(x));
  let weights = xs.map(() => 1 / points);
  let best = { error: Number.POSITIVE_INFINITY };
  for (let round = 0; round < 80; round++) {
    const found = leastSquares(matrix, values, weights, 1e-8);
    const errors = matrix.map((row, i) => Math.abs(row.reduce((sum, v, j) => sum + v * found[j], 0) - values[i]));
    const error = Math.max(...errors);
    if (error < best.error) best = { error, found };
    const grown = weights.map((w, i) => w * (errors[i] / error + 1e-3));
    const total = grown.reduce((sum, w) => sum + w, 0);
    weights = grown.map((w) => w / total);
  }
  const { error, found } = best;
  const constant = odd ? 0 : found[0];
  const even = odd ? [] : found.slice(1, 1 + count);
  const uneven = odd ? found : both ? found.slice(1 + count) : [];
  // Around 0 instead of the centre.
  const cos = waves.map((w, k) => (even[k] ?? 0) * Math.cos(w * centre) - (uneven[k] ?? 0) * Math.sin(w * centre));
  const sin = waves.map((w, k) => (uneven[k] ?? 0) * Math.cos(w * centre) + (even[k] ?? 0) * Math.sin(w * centre));
  const size = [...cos, ...sin].reduce((sum, value) => sum + Math.abs(value), 0);
  return { error, period, by: odd ? 2 : 1, constant, cos, sin, size };
}

const digits = (value) => Number(value.toFixed(11));
const list = (values) => `[${values.map(digits).join(", ")}]`;
let text = `/**
 * Sums of waves that approximate functions on an interval. Made by scripts/fit-series.mjs; do not edit. How they are evaluated
 * is in series.ts.
 */
import type { Series } from "./series.js";
`;
for (const [name, task] of Object.entries(wanted)) {
  let best;
  const most = task.most ?? (task.odd ? 2.6 : task.from === undefined ? 2 : 1.7);
  const start = task.ratio ?? (task.odd ? 1.6 : 1.1);
  for (let ratio = start; ratio <= (task.ratio ?? most); ratio += 0.03) {
    const found = fit(task, ratio);
    if (!best || found.error < best.error) best = found;
  }
  const { error, period, by, constant, cos, sin, size } = best;
  const interval = task.from === undefined ? `-${task.to} <= x <= ${task.to}` : `${task.from} <= x <= ${task.to}`;
  const kind = task.relative ? "relative error" : "error";
  text += `
/** ${task.about} for ${interval}; ${kind} ${error.toExponential(1)}. */
export const ${name}: Series = {
  to: ${task.to},
  period: ${digits(period)},
  by: ${by},
  constant: ${digits(constant)},
  cos: ${cos.every((value) => value === 0) ? "[]" : list(cos)},
  sin: ${sin.every((value) => value === 0) ? "[]" : list(sin)},
};
`;
  console.log(name, error.toExponential(1), "period", period.toFixed(3), "sum of coefficients", size.toFixed(2));
}
writeFileSync("src/functions/series-fits.ts", text);
