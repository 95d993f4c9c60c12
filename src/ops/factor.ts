/**
 * Turns any value into one that can be multiplied. Not an operator: it records the nodes that are missing.
 */
import type { Builder, Ref } from "./op.js";

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

/** A share at no more than the session's scale: what comparisons, selections, variables and reveals need. */
export function share(builder: Builder, ref: Ref): Ref {
  return factor(builder, ref.type.kind === "public" ? builder.node("secret", [ref]) : ref);
}
