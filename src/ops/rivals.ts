/**
 * Operators of tournaments in which all pairs of a few values are compared at once: differences and sums of pairs, who wins, the
 * winner's value, its position. Along axis 0; `knockout.ts` composes them for long axes.
 */
import * as v from "valibot";
import { ShapeError } from "../errors.js";
import { type Bits, type Cost, type Costs, inSequence, planeWords } from "../protocol/index.js";
import { formatShape, size } from "../ring/index.js";
import { bitsOf, mapLinear, shareOf, withInts } from "./evaluate.js";
import { moved, together } from "./flow.js";
import { withMask } from "./looks.js";
import type { EvalContext, Operator, ValueType } from "./op.js";
import { noCost } from "./source.js";
import { capBound, elements, expectKind, expectSameShape, refuseBits, sumBits } from "./type.js";

const nothing = v.strictObject({});
/** Values that are compared with each other at once, at most. */
export const mostRivals = 256;

/** The number of pairs, in the order (0,1), (0,2), …, (1,2), … */
const pairsOf = (count: number): number => (count * (count - 1)) / 2;
/** Where the pair i < j is among them. */
const pairAt = (count: number, i: number, j: number): number => pairsOf(count) - pairsOf(count - i) + j - i - 1;

/** Another length along axis 0, whose positions mix; the other axes stay. */
function along(a: ValueType, length: number | undefined) {
  const rest = a.shape.slice(1);
  const shape = length === undefined ? rest : [length, ...rest];
  const shift = length === undefined ? 1 : 0;
  const alike = shape.map((_, axis) => (axis + shift === 0 ? false : a.alike[axis + shift]!));
  return { shape, ...moved(a, shape, alike, (axis) => (axis === 0 ? undefined : axis - shift)) };
}

function expectRivals(where: string, { shape }: ValueType): number {
  const [count = 0] = shape;
  if (count < 2 || count > mostRivals)
    throw new ShapeError(
      `${where}: expected 2 to ${mostRivals} values along axis 0, got shape ${formatShape(shape)}; try several levels`,
    );
  return count;
}

/** x_i - x_j for each pair i < j along axis 0: [n, …] becomes [n (n - 1) / 2, …]. */
export const pairDifferences: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a], _attrs, env) {
    refuseBits("pairDifferences", a!);
    const count = expectRivals("pairDifferences", a!);
    return { ...a!, ...along(a!, pairsOf(count)), ...capBound(a!.bound + 1, a!.proved, env) };
  },
  gradient: (builder, _inputs, _attrs, _output, gradient) => [builder.node("pairSums", [gradient])],
  cost: noCost,
  evaluate(context, [a], _attrs, { inputs }) {
    const { kernels, wordBytes } = context.ring;
    const [count, ...rest] = inputs[0]!.shape as [number, ...number[]];
    const n = size(rest);
    const bytes = n * wordBytes;
    return mapLinear(context, [a!], pairsOf(count) * n, (dst, [x]) => {
      let at = dst.ptr;
      for (let i = 0; i < count - 1; i++) {
        const rivals = count - 1 - i;
        const from = x!.ptr + i * bytes;
        withInts(
          context,
          [
            [rivals, n],
            [0, 1],
          ],
          ([dims, steps]) => {
            if (n > 0) kernels.gatherStrided(at, from, 2, dims!, steps!);
          },
        );
        kernels.sub(at, at, from + bytes, rivals * n);
        at += rivals * bytes;
      }
    });
  },
};

/** The transpose of pairDifferences: to each value the sum over the pairs where it comes first, less those where it comes second. */
export const pairSums: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a], _attrs, env) {
    refuseBits("pairSums", a!);
    const count = expectPairs("pairSums", a!);
    return { ...a!, ...along(a!, count), ...capBound(a!.bound + sumBits(count - 1), a!.proved, env) };
  },
  gradient: (builder, _inputs, _attrs, _output, gradient) => [builder.node("pairDifferences", [gradient])],
  cost: noCost,
  evaluate(context, [a], _attrs, { inputs, output }) {
    const { kernels, wordBytes } = context.ring;
    const count = output.shape[0]!;
    const n = size(inputs[0]!.shape.slice(1));
    const bytes = n * wordBytes;
    return mapLinear(context, [a!], count * n, (dst, [pairs]) => {
      kernels.fill(dst.ptr, 0n, dst.words);
      const sums = context.site.scope.alloc(n);
      let from = pairs!.ptr;
      for (let i = 0; i < count - 1; i++) {
        const rivals = count - 1 - i;
        const at = dst.ptr + i * bytes;
        kernels.sumAxis(sums.ptr, from, 1, rivals, n);
        kernels.add(at, at, sums.ptr, n);
        kernels.sub(at + bytes, at + bytes, from, rivals * n);
        from += rivals * bytes;
      }
      context.site.scope.free(sums);
    });
  },
};

/** The count whose pairs these are. */
function expectPairs(where: string, { shape }: ValueType): number {
  const [pairs = 0] = shape;
  for (let count = 2; count <= mostRivals; count++) if (pairsOf(count) === pairs) return count;
  throw new ShapeError(
    `${where}: expected the pairs of 2 to ${mostRivals} values along axis 0, got shape ${formatShape(shape)}; try pairDifferences`,
  );
}

/** The products that have to be formed of k bits: how many at once, level by level. */
function halvings(k: number): number[] {
  const levels = [];
  for (let left = k; left > 1; left = Math.ceil(left / 2)) levels.push(left >> 1);
  return levels;
}

/**
 * From the bits x_i < x_j of all pairs to one bit a value: 1 for the largest one, of equal ones for the first.
 * Rounds: log2(n - 1), rounded up, for n values; n (n - 2) ANDs.
 */
export const winners: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("winners", a!, "bits");
    return { ...a!, ...along(a!, expectPairs("winners", a!)) };
  },
  cost(costs, [a], _attrs, { shape: [count] }, pivot) {
    const n = size(a!.shape.slice(1));
    const levels = halvings(count! - 1).map((products) => costs.and(n, products * count!, pivot));
    return levels.length > 0 ? inSequence(...levels) : noCost(costs);
  },
  *evaluate(context, [a], _attrs, { inputs, output }) {
    const { protocol, site } = context;
    const count = output.shape[0]!;
    const n = size(inputs[0]!.shape.slice(1));
    let bits = rivalPlanes(context, bitsOf(a), count, n);
    let left = count - 1;
    for (const products of halvings(left)) {
      const [low, high] = [0, products].map((from) => protocol.planes(site, bits, from * count, products * count));
      const both = yield* protocol.and(site, low!, high!);
      protocol.free(site.scope, low!);
      protocol.free(site.scope, high!);
      const odd = left % 2;
      left = products + odd;
      const next = odd ? joinPlanes(context, both, bits, count) : both;
      if (odd) protocol.free(site.scope, both);
      protocol.free(site.scope, bits);
      bits = next;
    }
    const result = onePlane(context, bits, count, n);
    protocol.free(site.scope, bits);
    return { kind: "bits", bits: result };
  },
};

/** For each value the bits that say that it beats one of its rivals: plane r count + i is the r-th one of value i. */
function rivalPlanes({ protocol, site, ring }: EvalContext, less: Bits, count: number, n: number): Bits {
  const { kernels } = ring;
  const planeBytes = planeWords(n, ring) * ring.wordBytes;
  const notLess = protocol.not(site, less);
  const planes = protocol.linearBits(site, [less, notLess], n, (count - 1) * count, (dst, [yes, no]) => {
    kernels.fill(dst.ptr, 0n, dst.words);
    for (let i = 0; i < count; i++)
      for (let r = 0; r < count - 1; r++) {
        const j = r < i ? r : r + 1;
        const [source, pair] = j < i ? [yes!, pairAt(count, j, i)] : [no!, pairAt(count, i, j)];
        kernels.copyBits(dst.ptr + (r * count + i) * planeBytes, 0, source.ptr, pair * n, n);
      }
  });
  protocol.free(site.scope, notLess);
  return planes;
}

/** Those of `first`, then the last `count` of `second`. */
function joinPlanes({ protocol, site, ring }: EvalContext, first: Bits, second: Bits, count: number): Bits {
  const { kernels, wordBytes } = ring;
  const { n, width } = first;
  const words = planeWords(n, ring);
  return protocol.linearBits(site, [first, second], n, width + count, (dst, [p, q]) => {
    kernels.copy(dst.ptr, p!.ptr, width * words);
    const from = (second.width - count) * words;
    kernels.copy(dst.ptr + width * words * wordBytes, q!.ptr + from * wordBytes, count * words);
  });
}

/** `count` planes of n bits one after the other, without the gaps between planes. */
function onePlane({ protocol, site, ring }: EvalContext, bits: Bits, count: number, n: number): Bits {
  const { kernels } = ring;
  const planeBytes = planeWords(n, ring) * ring.wordBytes;
  return protocol.linearBits(site, [bits], count * n, 1, (dst, [planes]) => {
    kernels.fill(dst.ptr, 0n, dst.words);
    for (let i = 0; i < count; i++) kernels.copyBits(dst.ptr, i * n, planes!.ptr + i * planeBytes, 0, n);
  });
}

/**
 * The value whose bit is 1, where exactly one along axis 0 is: x_0 plus the selected ones of x_i - x_0. No wider than x.
 * Rounds: one selection.
 */
export const pickOne: Operator = {
  attrs: nothing,
  arity: 2,
  infer([bits, x]) {
    expectKind("pickOne", bits!, "bits");
    expectKind("pickOne", x!, "share");
    expectSameShape("pickOne", bits!, x!);
    expectRivals("pickOne", x!);
    return { ...x!, ...along({ ...x!, ...together(x!.shape, bits!, x!) }, undefined) };
  },
  cost: (costs, [, x], _attrs, _output, pivot) => selectionCost(costs, x!, pivot),
  *evaluate(context, [bits, value], _attrs, { inputs, output }) {
    const { protocol, site, ring } = context;
    const { kernels } = ring;
    const count = inputs[1]!.shape[0]!;
    const n = elements(output);
    const bytes = n * ring.wordBytes;
    const others = (count - 1) * n;
    const x = shareOf(value);
    const chosen = protocol.linearBits(site, [bitsOf(bits)], others, 1, (dst, [all]) => {
      kernels.copyBits(dst.ptr, 0, all!.ptr, n, others);
    });
    const differences = protocol.linear(site, [x], others, (dst, [all]) => {
      for (let i = 0; i < count - 1; i++) kernels.sub(dst.ptr + i * bytes, all!.ptr + (i + 1) * bytes, all!.ptr, n);
    });
    const selected = yield* protocol.select(site, chosen, differences);
    const share = protocol.linear(site, [selected, x], n, (dst, [parts, all]) => {
      kernels.sumAxis(dst.ptr, parts!.ptr, 1, count - 1, n);
      kernels.add(dst.ptr, dst.ptr, all!.ptr, n);
    });
    for (const part of [chosen, differences, selected]) protocol.free(site.scope, part);
    return { kind: "share", share };
  },
};

function selectionCost(costs: Costs, x: ValueType, pivot: number): Cost {
  const n = elements(x) - size(x.shape.slice(1));
  return withMask(costs, n, costs.select(n, pivot));
}

/** Bits that tell a position below n. */
const positionBits = (n: number): number => Math.max(1, sumBits(n));

/**
 * The position of the one bit along axis 0 that is 1, as a whole number at scale 0; [n, …] becomes […]. The bits of the position
 * are sums over Z_2, so that only they are weighed. Rounds: weigh.
 */
export const position: Operator = {
  attrs: nothing,
  arity: 1,
  infer([a]) {
    expectKind("position", a!, "bits");
    const [count] = a!.shape;
    if (!count) throw new ShapeError(`position: expected bits along axis 0, got shape ${formatShape(a!.shape)}`);
    return { ...a!, ...along(a!, undefined), kind: "product", bound: positionBits(count) };
  },
  cost: (costs, [a], _attrs, output, pivot) => costs.weigh(elements(output), positionBits(a!.shape[0]!), 1, pivot),
  *evaluate(context, [a], _attrs, { inputs, output }) {
    const { protocol, site } = context;
    const count = inputs[0]!.shape[0]!;
    const width = positionBits(count);
    const bits = positionPlanes(context, bitsOf(a), count, elements(output), width);
    const weights = Array.from({ length: width }, (_, bit) => 1n << BigInt(bit));
    const product = yield* protocol.weigh(site, bits, [weights]);
    protocol.free(site.scope, bits);
    return { kind: "product", product };
  },
};

function positionPlanes({ protocol, site, ring }: EvalContext, bits: Bits, count: number, n: number, width: number) {
  const { kernels } = ring;
  const words = planeWords(n, ring);
  const planeBytes = words * ring.wordBytes;
  return protocol.linearBits(site, [bits], n, width, (dst, [all]) => {
    kernels.fill(dst.ptr, 0n, dst.words);
    const row = site.scope.alloc(words);
    for (let i = 1; i < count; i++) {
      kernels.copyBits(row.ptr, 0, all!.ptr, i * n, n);
      for (let bit = 0; bit < width; bit++)
        if ((i >> bit) & 1) kernels.xor(dst.ptr + bit * planeBytes, dst.ptr + bit * planeBytes, row.ptr, words);
    }
    site.scope.free(row);
  });
}
