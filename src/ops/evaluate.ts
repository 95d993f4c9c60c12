/**
 * Helpers that evaluation rules share: linear maps over any kind of value, and public words. Not the rules themselves.
 */
import { PlanError } from "../errors.js";
import type { Bilinear, Bits, Linear, Rounds, Share } from "../protocol/index.js";
import type { Block } from "../ring/index.js";
import type { EvalContext, Value } from "./op.js";

/**
 * Applies a linear map to inputs that are all shares, all products or all public; the result is of the same kind. A map that
 * only moves elements is a `layout`.
 */
export function mapLinear(
  context: EvalContext,
  inputs: readonly Value[],
  n: number,
  map: Linear,
  layout = false,
): Value {
  const { protocol, site } = context;
  const kind = inputs[0]?.kind;
  if (kind === "share")
    return {
      kind,
      share: protocol.linear(
        site,
        inputs.map((value) => shareOf(value)),
        n,
        map,
        layout,
      ),
    };
  if (kind === "product") {
    const products = inputs.map((value) => {
      if (value.kind !== "product") throw new PlanError(`evaluate: expected a product, got a ${value.kind}`);
      return value.product;
    });
    return { kind, product: protocol.linearProduct(site, products, n, map) };
  }
  const words = site.scope.alloc(n);
  map(words, inputs.map(publicOf));
  return { kind: "public", words };
}

/** Applies a map that is linear over Z_2 to bits, one plane each; the result is one plane of n bits. */
export function mapBits({ protocol, site }: EvalContext, inputs: readonly Value[], n: number, map: Linear): Value {
  return { kind: "bits", bits: protocol.linearBits(site, inputs.map(bitsOf), n, 1, map) };
}

/** The product of two shares under a bilinear map. */
export function* productOf(
  { protocol, site }: EvalContext,
  [x, y]: readonly Value[],
  n: number,
  map: Bilinear,
): Rounds<Value> {
  return { kind: "product", product: yield* protocol.product(site, shareOf(x), shareOf(y), n, map) };
}

export function shareOf(value: Value | undefined): Share {
  if (value?.kind !== "share") throw new PlanError(`evaluate: expected a share, got ${value?.kind ?? "nothing"}`);
  return value.share;
}

export function bitsOf(value: Value | undefined): Bits {
  if (value?.kind !== "bits") throw new PlanError(`evaluate: expected bits, got ${value?.kind ?? "nothing"}`);
  return value.bits;
}

export function publicOf(value: Value | undefined): Block {
  if (value?.kind !== "public") throw new PlanError(`evaluate: expected public words, got ${value?.kind ?? "nothing"}`);
  return value.words;
}

/** Gives a value's memory back: for intermediate values of a rule, the engine frees results. */
export function freeValue({ protocol, site }: EvalContext, value: Value): void {
  if (value.kind === "public") site.scope.free(value.words);
  else
    protocol.free(
      site.scope,
      value.kind === "share" ? value.share : value.kind === "bits" ? value.bits : value.product,
    );
}

/** Puts small integers (shapes, strides, row numbers) into memory for a kernel, for the time of one call. */
export function withInts<T>(
  context: EvalContext,
  lists: readonly (readonly number[])[],
  use: (pointers: number[]) => T,
): T {
  const { ring, site } = context;
  const aligned = (list: readonly number[]) => Math.ceil(list.length / 4) * 4;
  const ints = lists.reduce((sum, list) => sum + aligned(list), 0);
  const block = site.scope.alloc((ints * 4) / ring.wordBytes);
  const view = new Int32Array(ring.kernels.memory.buffer, block.ptr, ints);
  const pointers: number[] = [];
  let at = 0;
  for (const list of lists) {
    view.set(list, at);
    pointers.push(block.ptr + at * 4);
    at += aligned(list);
  }
  try {
    return use(pointers);
  } finally {
    site.scope.free(block);
  }
}
