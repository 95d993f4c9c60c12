/**
 * The sum of products of two tensors over any of their axes: batched matrix products, linear maps along the last axis, and their
 * gradients, without a transposition. Not Einstein sums in general: `contractions.ts` composes those.
 */
import * as v from "valibot";
import { PlanError, ShapeError } from "../errors.js";
import { type Block, formatShape, type Shape, sameShape, size, strides } from "../ring/index.js";
import { productKind } from "./arithmetic.js";
import { mapLinear, productOf, publicOf } from "./evaluate.js";
import { factors } from "./factor.js";
import { contracted } from "./flow.js";
import { Indexed } from "./indexed.js";
import { productCost, productLooks } from "./looks.js";
import type { EvalContext, Operator, Ref } from "./op.js";
import { capBound, elements, sumBits } from "./type.js";

const attrs = v.strictObject({
  /** "bij,bjk->bik": a letter for each axis, at most once in each part. Letters of one factor alone are kept. */
  axes: v.pipe(v.string(), v.regex(/^[a-z]{0,6},[a-z]{0,6}->[a-z]{0,6}$/)),
});
type Attrs = v.InferOutput<typeof attrs>;
type Letters = readonly string[];
const partsOf = ({ axes }: Attrs) =>
  axes.split(/,|->/).map((part) => [...part]) as unknown as [Letters, Letters, Letters];
const write = (a: Letters, b: Letters, out: Letters) => ({ axes: `${a.join("")},${b.join("")}->${out.join("")}` });

export const einsum: Operator<Attrs> = {
  attrs,
  arity: 2,
  infer([a, b], given, env) {
    const [x, y, out] = partsOf(given);
    const lengths = check(given, a!.shape, b!.shape);
    const shape = out.map((letter) => lengths.get(letter)!);
    const summed = x.filter((letter) => !out.includes(letter));
    const placed = (letter: string) => (out.includes(letter) ? out.indexOf(letter) : -1 - summed.indexOf(letter));
    const terms = size(summed.map((letter) => lengths.get(letter)!));
    return {
      kind: productKind("einsum", a!, b!),
      shape,
      scale: a!.scale + b!.scale,
      ...capBound(a!.bound + b!.bound + sumBits(terms), a!.proved && b!.proved, env),
      ...contracted(shape, { type: a!, to: x.map(placed) }, { type: b!, to: y.map(placed) }),
    };
  },
  gradient(builder, [a, b], given, _output, gradient, wanted) {
    const [x, y, out] = partsOf(given);
    const part = (other: Ref, letters: Letters, own: Letters) => {
      const pair = factors(builder, gradient, other);
      return builder.node("einsum", pair, write(out, letters, own));
    };
    return [wanted[0] ? part(b!, y, x) : undefined, wanted[1] ? part(a!, x, y) : undefined];
  },
  looks: productLooks,
  cost: productCost,
  workspace: ([a, b], given) => planOf(given, a!.shape, b!.shape).indexed.words + 64,
  evaluate(context, [a, b], given, { inputs, output }) {
    const n = elements(output);
    const product = planOf(given, inputs[0]!.shape, inputs[1]!.shape);
    const map = (dst: Block, x: Block, y: Block, accumulate: boolean) => run(context, product, dst, x, y, accumulate);
    if (b!.kind === "public") return mapLinear(context, [a!], n, (dst, [x]) => map(dst, x!, publicOf(b), false));
    if (a!.kind === "public") return mapLinear(context, [b!], n, (dst, [y]) => map(dst, publicOf(a), y!, false));
    return productOf(context, [a!, b!], n, map);
  },
};

/** The length of each letter. Throws PlanError for letters out of place, ShapeError for shapes that do not fit. */
function check(given: Attrs, a: Shape, b: Shape): ReadonlyMap<string, number> {
  const parts = partsOf(given);
  const [x, y, out] = parts;
  const kept = (letter: string) => out.includes(letter) || (x.includes(letter) && y.includes(letter));
  if (parts.some((part) => new Set(part).size < part.length) || ![...x, ...y].every(kept))
    throw new PlanError(
      `einsum: expected each letter once in a part, and in two parts, got ${given.axes}; try summing first`,
    );
  const lengths = new Map<string, number>();
  const fits = (letters: Letters, shape: Shape) =>
    letters.length === shape.length &&
    letters.every((letter, axis) => {
      const length = lengths.get(letter) ?? shape[axis]!;
      lengths.set(letter, length);
      return length === shape[axis];
    });
  if (!fits(x, a) || !fits(y, b) || !out.every((letter) => lengths.has(letter)))
    throw new ShapeError(
      `einsum: expected shapes for ${given.axes}, got ${formatShape(a)} and ${formatShape(b)}; try other letters`,
    );
  return lengths;
}

/** One product for each place along the letters that all three have. */
interface Products {
  readonly indexed: Indexed;
  /** The second factor is the product's first. */
  readonly turned: boolean;
  readonly batch: number;
  /** Words to the i-th product's operands and result. */
  readonly at: readonly [a: (i: number) => number, b: (i: number) => number, c: (i: number) => number];
}
const known = new WeakMap<Attrs, { readonly shapes: readonly [Shape, Shape]; readonly products: Products }>();

function planOf(given: Attrs, a: Shape, b: Shape): Products {
  const before = known.get(given);
  if (before && sameShape(before.shapes[0], a) && sameShape(before.shapes[1], b)) return before.products;
  const lengths = check(given, a, b);
  const parts = partsOf(given);
  const [x, y, out] = parts;
  const among = (letters: Letters, ...others: Letters[]) =>
    letters.filter((letter) => others.every((other) => other.includes(letter)));
  const without = (letters: Letters, other: Letters) => letters.filter((letter) => !other.includes(letter));
  const shape = (letters: Letters) => letters.map((letter) => lengths.get(letter)!);
  /** Words to the i-th place along some letters, in an array with all of `letters`. */
  const offsets = (some: Letters, letters: Letters) => {
    const all = strides(shape(letters));
    const dims = shape(some);
    const steps = some.map((letter) => all[letters.indexOf(letter)]!);
    return (i: number) => {
      let [rest, sum] = [i, 0];
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        sum += (rest % dims[axis]!) * steps[axis]!;
        rest = Math.floor(rest / dims[axis]!);
      }
      return sum;
    };
  };
  const count = (letters: Letters) => size(shape(letters));
  const matrix = (first: Letters, second: Letters, letters: Letters) => ({
    row: offsets(first, letters),
    column: offsets(second, letters),
  });
  // The kernel takes four columns at a time: a matrix times a vector is turned over.
  const [few, many] = [without(y, x), without(x, y)];
  const turned = count(few) < 4 && count(few) < count(many);
  const [first, second] = turned ? [y, x] : [x, y];
  const [rows, columns, steps] = [without(first, second), without(second, first), without(among(x, y), out)];
  const indexed = new Indexed(
    ...([count(rows), count(steps), count(columns)] as const),
    ...([matrix(rows, columns, out), matrix(rows, steps, first), matrix(steps, columns, second)] as const),
  );
  const batch = among(x, y, out);
  const [atA, atB, atC] = parts.map((letters) => offsets(batch, letters));
  const products: Products = { indexed, turned, batch: count(batch), at: [atA!, atB!, atC!] };
  known.set(given, { shapes: [a, b], products });
  return products;
}

function run(context: EvalContext, products: Products, dst: Block, a: Block, b: Block, accumulate: boolean): void {
  const { indexed, turned, batch, at } = products;
  const nothing = a.words === 0 || b.words === 0;
  if (nothing && !accumulate) context.ring.kernels.fill(dst.ptr, 0n, dst.words);
  if (nothing || dst.words === 0) return;
  const [atA, atB, atC] = at;
  const { wordBytes } = context.ring;
  indexed.load(context, accumulate, (multiply) => {
    for (let i = 0; i < batch; i++) {
      const [x, y] = [a.ptr + wordBytes * atA(i), b.ptr + wordBytes * atB(i)];
      multiply(dst.ptr + wordBytes * atC(i), turned ? y : x, turned ? x : y);
    }
  });
}
