/**
 * Matrix products of values of any rank, as nodes. Not the operators: those are in `matmul.ts` (two matrices) and `einsum.ts` (all
 * others, which need no transposition and keep the rows of a batch apart).
 */
import { ShapeError } from "../errors.js";
import { broadcastShapes, formatShape, type Shape, sameShape } from "../ring/index.js";
import { factors } from "./factor.js";
import type { Builder, Ref } from "./op.js";

/** Axes in front of a matrix; two letters more are rows and columns. */
const letters = "abcd";
const reshape = (b: Builder, x: Ref, shape: Shape): Ref =>
  sameShape(x.type.shape, shape) ? x : b.node("reshape", [x], { shape });

/** [..., m, k] x [..., k, n]; axes in front are broadcast. A vector takes part as a row or column that the result does not have. */
export function matmul(b: Builder, x: Ref, y: Ref): Ref {
  const [p, q] = [x.type.shape, y.type.shape];
  if (p.length === 2 && q.length === 2) return b.node("matmul", factors(b, x, y));
  if (p.length === 0 || q.length === 0 || p.at(-1) !== q.at(q.length === 1 ? -1 : -2))
    throw new ShapeError(
      `matmul: expected [..., m, k] and [..., k, n], got ${formatShape(p)} and ${formatShape(q)}; try transpose or reshape`,
    );
  const shared = broadcastShapes(p.slice(0, -2), q.slice(0, -2));
  if (shared.length > letters.length)
    throw new ShapeError(`matmul: expected at most ${letters.length} axes in front, got ${shared.length}; try reshape`);
  /** Without the axes in front that are broadcast. */
  const side = (ref: Ref, own: string): readonly [Ref, string] => {
    const { shape } = ref.type;
    const front = shape.slice(0, -2);
    const missing = shared.length - front.length;
    const kept = front.map((length, axis) => length === shared[axis + missing]);
    const names = front.map((_, axis) => letters[axis + missing]!).filter((_, axis) => kept[axis]);
    const lengths = [...front.filter((_, axis) => kept[axis]), ...shape.slice(-2)];
    return [reshape(b, ref, lengths), names.join("") + own];
  };
  const [row, column] = [p.length === 1 ? "" : "m", q.length === 1 ? "" : "n"];
  const [[left, leftAxes], [right, rightAxes]] = [side(x, `${row}k`), side(y, `k${column}`)];
  const axes = `${leftAxes},${rightAxes}->${letters.slice(0, shared.length)}${row}${column}`;
  return b.node("einsum", factors(b, left, right), { axes });
}

/**
 * x Wᵀ, x: [..., inputs], weight: [outputs, inputs]. A single row is multiplied from the other side: its inner products with the
 * rows of W read W once, where a transpose would copy it first.
 */
export function timesTransposed(b: Builder, x: Ref, weight: Ref): Ref {
  const { shape } = x.type;
  const [outputs, inputs] = weight.type.shape;
  if (shape.length === 0 || weight.type.shape.length !== 2 || shape.at(-1) !== inputs)
    throw new ShapeError(
      `linear: expected [..., inputs] and a weight of [outputs, inputs], got ${formatShape(shape)} and ${formatShape(weight.type.shape)}; try flatten`,
    );
  if (shape.length !== 2) {
    const front = `${letters}e`.slice(0, shape.length - 1);
    return b.node("einsum", factors(b, x, weight), { axes: `${front}k,nk->${front}n` });
  }
  if (shape[0] !== 1) return matmul(b, x, b.node("transpose", [weight], { axes: [1, 0] }));
  return reshape(b, matmul(b, weight, reshape(b, x, [inputs!, 1])), [1, outputs!]);
}
