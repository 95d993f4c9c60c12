/**
 * 1/x and ln x where the range of x is known: one look at which segment of the range x is in serves both. For values of any range:
 * reciprocal.ts and log.ts.
 */
import { add, constant, isNegative, neg, reshape, sub } from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { size } from "../ring/index.js";
import { plus, row, times, timesConstant, truncated } from "./fixed.js";

/** Segments are so long that the reciprocal of their middle is off by a factor of at most 1 ± this. */
const spread = 0.08;
/** Fraction bits of what a segment decides, and of the residual. */
const segmentScale = 30;
const residualScale = 24;
/** Fraction bits of reciprocals. */
const reciprocalScale = 28;

/** Of x, once asked for. */
export interface Ranged {
  /** 1/x, off by a factor of at most 1 ± 5e-5: a share at 28 fraction bits, |1/x| < 16. Two rounds more than the logarithm. */
  reciprocal(): Ref;
  /** ln x, off by at most 5e-5: a product. */
  log(): Ref;
}

/**
 * x, a share, with low <= x <= high, low >= 1/16. Thresholds between segments are all compared with x at once; what they say adds up
 * to the reciprocal c of the segment's middle, and to its logarithm. The residual e = c x - 1 is small: 1/x is c (1 - e) (1 + e^2)
 * but for e^4, and ln x is e - e^2/2 - ln c but for e^3/3, most of which the best multiple of e makes up for.
 */
export function ranged(b: Builder, x: Ref, low: number, high: number): Ranged {
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

/** For the segment in which x is: the reciprocal of its middle, and the middle's logarithm. [2, elements of x] */
function segmentOf(b: Builder, x: Ref, low: number, high: number): Ref {
  const n = size(x.type.shape);
  const ratio = (1 + spread) / (1 - spread);
  const segments = Math.max(2, Math.ceil(Math.log(high / low) / Math.log(ratio)));
  const middles = Array.from({ length: segments }, (_, i) => (low * ratio ** i) / (1 - spread));
  const tables = [middles.map((middle) => 1 / middle), middles.map(Math.log)];
  const column = (values: readonly number[], scale: number, columns: number) =>
    b.node("broadcast", [constant(b, values, [values.length, 1], scale)], { shape: [values.length, columns] });
  const thresholds = middles.slice(1).map((middle) => middle * (1 - spread));
  const wide = b.node("broadcast", [reshape(b, x, [1, n])], { shape: [segments - 1, n] });
  const above = b.node("not", [isNegative(b, sub(b, wide, column(thresholds, x.type.scale, n)))]);
  const steps = tables.flatMap((table) => table.slice(1).map((value, i) => value - table[i]!));
  const weights = constant(b, steps, [2, segments - 1], segmentScale);
  const sums = b.node("matmul", [weights, b.node("fromBits", [above])]);
  return add(
    b,
    sums,
    column(
      tables.map(([first]) => first!),
      segmentScale,
      n,
    ),
  );
}
