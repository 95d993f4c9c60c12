/** 1/x and ln x where the range of x is known, with what serves both recorded once. For values of any range: powers.ts. */
import { add, broadcastTo, constant, isNegative, neg, reshape, sub } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { plus, row, times, timesConstant, truncated } from "./fixed.js";
import { evaluate } from "./series.js";
import * as fits from "./series-fits.js";

/** Segments are so long that the reciprocal of their middle is off by a factor of at most 1 ± this. */
const spread = 0.08;
/** Fraction bits of what a segment decides, and of the residual. */
const segmentScale = 30;
const residualScale = 24;
/** Fraction bits of reciprocals. */
const reciprocalScale = 28;

/** Of x, once asked for. */
export interface Ranged {
  /** 1/x, off by a factor of at most 1 ± 5e-5 or by 2e-5 / low: a share at 28 fraction bits, below 16. */
  reciprocal(): Ref;
  /** ln x, off by at most 5e-5: a product. */
  log(): Ref;
}

/**
 * Of x, a share, with low <= x <= high and low >= 1/16. Up to a ratio of 16 sums of waves: 3 rounds with rep3, the last truncation of
 * the logarithm counted in. Above it 13 rounds for the reciprocal and 11 for the logarithm.
 */
export function ranged(b: Builder, x: Ref, low: number, high: number): Ranged {
  return high / low <= fits.logTo16.to ? byWaves(b, x, low) : bySegments(b, x, low, high);
}

function byWaves(b: Builder, x: Ref, low: number): Ranged {
  const stretch = 1 / low;
  return {
    reciprocal: () =>
      truncated(b, evaluate(b, x, fits.inverseTo16, { stretch, amplitude: stretch }), reciprocalScale, 4),
    log: () => plus(b, evaluate(b, x, fits.logTo16, { stretch }), Math.log(low)),
  };
}

/**
 * Thresholds between segments are all compared with x at once; what they say adds up to the reciprocal c of the segment's middle, and
 * to its logarithm. The residual e = c x - 1 is small: 1/x is c (1 - e) (1 + e^2) but for e^4, and ln x is e - e^2/2 - ln c but for
 * e^3/3, most of which the best multiple of e makes up for.
 */
function bySegments(b: Builder, x: Ref, low: number, high: number): Ranged {
  const segment = segmentOf(b, x, low, high);
  const c = row(b, segment, 0, x.type.shape);
  const e = plus(b, truncated(b, b.node("mul", [x, c]), residualScale, 1), -1);
  const square = () => b.node("mul", [e, e]);
  return {
    reciprocal() {
      const first = times(b, c, plus(b, neg(b, e), 1), reciprocalScale, 4);
      return times(b, first, plus(b, truncated(b, square(), residualScale, 0), 1), reciprocalScale, 4);
    },
    log() {
      const curved = timesConstant(b, square(), -0.5, 1);
      const linear = timesConstant(b, e, 1 + spread ** 2 / 4, 20);
      return add(b, add(b, curved, linear), row(b, segment, 1, x.type.shape));
    },
  };
}

/** For the segment in which x is: the reciprocal of its middle, and the middle's logarithm: [2, ...x]. */
function segmentOf(b: Builder, x: Ref, low: number, high: number): Ref {
  const { shape } = x.type;
  const ratio = (1 + spread) / (1 - spread);
  const segments = Math.max(2, Math.ceil(Math.log(high / low) / Math.log(ratio)));
  const middles = Array.from({ length: segments }, (_, i) => (low * ratio ** i) / (1 - spread));
  const tables = [middles.map((middle) => 1 / middle), middles.map(Math.log)];
  const column = (values: readonly number[], scale: number) =>
    broadcastTo(b, constant(b, values, [values.length, ...shape.map(() => 1)], scale), [values.length, ...shape]);
  const thresholds = middles.slice(1).map((middle) => middle * (1 - spread));
  const wide = broadcastTo(b, reshape(b, x, [1, ...shape]), [segments - 1, ...shape]);
  const above = b.node("not", [isNegative(b, sub(b, wide, column(thresholds, x.type.scale)))]);
  const steps = tables.flatMap((table) => table.slice(1).map((value, i) => value - table[i]!));
  const weights = constant(b, steps, [2, segments - 1], segmentScale);
  // The axes of x stay apart, so that rows of data among them are still rows.
  const letters = "abcdefghijklmnopqrstuvwx".slice(0, shape.length);
  const sums = b.node("einsum", [weights, b.node("fromBits", [above])], { axes: `yz,z${letters}->y${letters}` });
  return add(
    b,
    sums,
    column(
      tables.map(([first]) => first!),
      segmentScale,
    ),
  );
}
