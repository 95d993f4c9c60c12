/** Entries of the table for functions in straight pieces and for integer powers. */
import { maximum, relu } from "../ops/build.js";
import { abs, clamp, minimum, pow, sign } from "./piecewise.js";
import { anyNumber, bothSigns, everywhere, type FunctionEntry, most, notorious, one, two } from "./table-entries.js";

/** Exponents and errors. */
function powers(errors: Readonly<Record<string, FunctionEntry["error"]>>): [number, FunctionEntry["error"]][] {
  return Object.entries(errors).map(([n, error]) => [Number(n), error]);
}

export const pieces: readonly FunctionEntry[] = [
  ...powers({
    2: [1.6e-5, 1.1e-6],
    3: [2.9e-5, 1.8e-6],
    5: [6e-5, 4e-6],
    7: [9.5e-5, 5.2e-6],
    9: [1.9e-4, 1.1e-5],
    10: [1.9e-4, 1.1e-5],
    11: [1.9e-4, 1.1e-5],
    13: [1.9e-4, 1.1e-5],
    14: [1.9e-4, 1.1e-5],
    15: [1.9e-4, 1.1e-5],
    17: [2.2e-4, 1.5e-5],
  }).map(
    ([n, error]): FunctionEntry => ({
      name: `pow (${n})`,
      record: one((b, x) => pow(b, x, n)),
      reference: (x) => x ** n,
      domain: () => [[{ from: -(32700 ** (1 / n)), to: 32700 ** (1 / n) }]],
      domainText: "|x|^n < 2^15",
      method: "squarings",
      edges: notorious,
      error,
      ...(![2, 3, 7, 15].includes(n) && { unlisted: true }),
    }),
  ),
  ...powers({ "-1": [2e-5, 3.8e-6], "-2": [4.7e-5, 8e-6], "-3": [7.5e-5, 1.2e-5] }).map(
    ([n, error]): FunctionEntry => ({
      name: `pow (${n})`,
      record: one((b, x) => pow(b, x, n)),
      reference: (x) => x ** n,
      domain: () => [bothSigns([{ from: 32700 ** (1 / n), to: most, ratio: true }])],
      domainText: "|x|^n < 2^15, |x| < 2^15",
      method: "reciprocal, squarings",
      edges: notorious,
      error,
    }),
  ),
  {
    name: "abs",
    record: one(abs),
    reference: Math.abs,
    domain: anyNumber,
    domainText: "all",
    method: "sign and selection",
    error: [0, 0],
  },
  {
    name: "sign",
    record: one(sign),
    reference: Math.sign,
    domain: anyNumber,
    domainText: "all",
    method: "two signs",
    error: [0, 0],
    gradient: false,
  },
  {
    name: "clamp",
    record: one((b, x) => clamp(b, x, -1.25, 3)),
    reference: (x) => Math.max(-1.25, Math.min(3, x)),
    domain: anyNumber,
    domainText: "all",
    method: "two signs and selections",
    edges: [-1.25, 3],
    error: [0, 0],
  },
  {
    name: "relu",
    record: one(relu),
    reference: (x) => Math.max(0, x),
    domain: anyNumber,
    domainText: "all",
    method: "sign and selection",
    error: [0, 0],
  },
  ...(
    [
      ["minimum", minimum, Math.min],
      ["maximum", maximum, Math.max],
    ] as const
  ).map(
    ([name, record, reference]): FunctionEntry => ({
      name,
      record: two(record),
      reference,
      domain: () => [everywhere, everywhere],
      domainText: "all",
      method: "sign and selection",
      error: [0, 0],
    }),
  ),
];
