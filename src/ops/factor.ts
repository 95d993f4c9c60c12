/**
 * Turns any value into one that can be multiplied. Not an operator: it records the nodes that are missing.
 */
import type { Builder, PlanEnv, Ref } from "./op.js";
import { maxBound } from "./type.js";

/** A value that can be multiplied: a share at no more than the session's scale, or a public value. */
export function factor(builder: Builder, ref: Ref): Ref {
  const { kind, scale } = ref.type;
  const { fraction } = builder.env;
  if (kind === "public") return ref;
  if (kind === "bits") return builder.node("fromBits", [ref]);
  if (scale > fraction) {
    const product = kind === "share" ? builder.node("lift", [ref]) : ref;
    return builder.node("truncate", [product], { shift: scale - fraction });
  }
  return kind === "product" ? builder.node("reshare", [ref]) : ref;
}

/** The most fraction bits that a product of two values may have: see plan/infer.ts, and for words of 32 bits plan/word-size.ts. */
const mostFraction = (env: PlanEnv): number => (env.wordBits === 64 ? 61 : maxBound(env) - env.integerBits);

/**
 * Two values that can be multiplied with each other. Public numbers of many fraction bits (the gradient of a mean over many rows)
 * become shares where the product of the scales would not fit.
 */
export function factors(builder: Builder, x: Ref, y: Ref): [Ref, Ref] {
  let pair: [Ref, Ref] = [factor(builder, x), factor(builder, y)];
  while (pair[0].type.scale + pair[1].type.scale > mostFraction(builder.env)) {
    const larger = pair[0].type.scale >= pair[1].type.scale ? 0 : 1;
    const reduced = share(builder, pair[larger]);
    pair = larger === 0 ? [reduced, pair[1]] : [pair[0], reduced];
  }
  return pair;
}

/** A share at no more than the session's scale: what comparisons, selections, variables and reveals need. */
export function share(builder: Builder, ref: Ref): Ref {
  return factor(builder, ref.type.kind === "public" ? builder.node("secret", [ref]) : ref);
}
