/**
 * Public numbers in plans: constants, which travel with the plan as integers so that no party computes them in floating
 * point, and scalars, which come with each run. Not secrets; `secret` gives a public value the form of one.
 */
import * as v from "valibot";
import { PlanError } from "../errors.js";
import { size } from "../ring/index.js";
import { publicOf } from "./evaluate.js";
import type { Operator } from "./op.js";
import { boundSchema, nameSchema, noCost, scaleSchema, shapeSchema } from "./source.js";
import { capBound } from "./type.js";

const constantAttrs = v.strictObject({
  shape: shapeSchema,
  scale: scaleSchema,
  bound: boundSchema,
  /** Little-endian 64-bit words in base64; a single word fills the shape. */
  words: v.pipe(v.string(), v.maxLength(3_000_000)),
});
export type ConstantAttrs = v.InferOutput<typeof constantAttrs>;

export const constant: Operator<ConstantAttrs> = {
  attrs: constantAttrs,
  arity: 0,
  infer(_, attrs) {
    const { shape, scale, bound } = attrs;
    const values = wordsOf(attrs);
    if (values.length !== size(shape) && values.length !== 1)
      throw new PlanError(
        `constant: expected ${size(shape)} words or 1, got ${values.length}; try one word per element`,
      );
    const limit = 1n << BigInt(bound);
    for (let i = 0; i < values.length; i++)
      if (values[i]! >= limit || values[i]! <= -limit)
        throw new PlanError(`constant: expected words below 2^${bound}, got a larger one; try a larger bound`);
    // Different numbers at different places would let the driver treat rows differently.
    const alike = shape.map((length) => length <= 1 || values.length === 1);
    return { kind: "public", shape, scale, bound, proved: true, flows: [], alike };
  },
  cost: noCost,
  evaluate({ ring, site }, _, attrs) {
    const block = site.scope.alloc(size(attrs.shape));
    const values = wordsOf(attrs);
    if (values.length === 1) ring.kernels.fill(block.ptr, values[0]!, block.words);
    else ring.setWords(block, values);
    return { kind: "public", words: block };
  },
};

/** Decoded once for each node of a plan, not for each run. */
const decoded = new WeakMap<ConstantAttrs, BigInt64Array>();

/** The numbers of a constant, or the single one that fills its shape. */
export function wordsOf(attrs: ConstantAttrs): BigInt64Array {
  let words = decoded.get(attrs);
  if (!words) {
    words = decodeWords(attrs.words);
    decoded.set(attrs, words);
  }
  return words;
}

export function encodeWords(words: BigInt64Array): string {
  return encodeBytes(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}
export function encodeBytes(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

function decodeWords(base64: string): BigInt64Array {
  const bytes = decodeBytes("constant", base64);
  if (bytes.length % 8 !== 0 || bytes.length === 0)
    throw new PlanError(`constant: expected whole 8-byte words, got ${bytes.length} bytes; try encodeWords`);
  return new BigInt64Array(bytes.buffer);
}
/** Throws PlanError for what is not base64 in its one canonical form. */
export function decodeBytes(where: string, base64: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(base64);
  } catch (error) {
    throw new PlanError(`${where}: expected base64, got another text; try recording it`, { cause: error });
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  // atob forgives white space and missing padding; a plan has one form.
  if (encodeBytes(bytes) !== base64)
    throw new PlanError(`${where}: expected canonical base64, got another form; try recording it`);
  return bytes;
}

/** A run-time scalar's mantissa has at most this many bits; its exponent is part of the plan. */
export const mantissaBits = 10;
const scalarAttrs = v.strictObject({
  slot: nameSchema,
  /** The value is mantissa / 2^exponent. */
  exponent: scaleSchema,
});
/** A public number given with each run: a learning rate, a momentum. */
export const scalar: Operator<v.InferOutput<typeof scalarAttrs>> = {
  attrs: scalarAttrs,
  arity: 0,
  infer: (_, { exponent }, env) => ({
    kind: "public",
    shape: [],
    scale: exponent,
    ...capBound(mantissaBits, true, env),
    flows: [],
    alike: [],
  }),
  cost: noCost,
  evaluate({ ring, site, host }, _, { slot }) {
    const value = host.scalar(slot);
    const limit = 1n << BigInt(mantissaBits);
    if (value >= limit || value <= -limit)
      throw new PlanError(`scalar ${slot}: expected a mantissa of at most ${mantissaBits} bits, got a larger one`);
    const block = site.scope.alloc(1);
    ring.setWords(block, BigInt64Array.of(value));
    return { kind: "public", words: block };
  },
};

/** A public value made secret in form (everyone still knows it), so that it can meet secrets. */
export const secret: Operator = {
  attrs: v.strictObject({}),
  arity: 1,
  infer([type]) {
    if (type!.kind !== "public")
      throw new PlanError(`secret: expected a public value, got a ${type!.kind}; try using it as it is`);
    return { ...type!, kind: "share" };
  },
  gradient: (_builder, _inputs, _attrs, _output, gradient) => [gradient],
  cost: noCost,
  evaluate: ({ protocol, site }, [value]) => ({ kind: "share", share: protocol.fromPublic(site, publicOf(value)) }),
};
