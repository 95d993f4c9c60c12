/** Logic of truth values, which are bits or numbers other than 0, broadcasting. Records nodes, computes nothing. */
import { broadcastShapes } from "../ring/index.js";
import { broadcastTo, not, share } from "./build.js";
import type { Builder, Ref } from "./op.js";

/** Bits; of numbers where they are not 0. */
function truth(b: Builder, x: Ref): Ref {
  if (x.type.kind === "bits") return x;
  return not(b, b.node("isZero", [x.type.kind === "public" ? b.node("secret", [x]) : share(b, x)]));
}
function alike(b: Builder, x: Ref, y: Ref): [Ref, Ref] {
  const shape = broadcastShapes(x.type.shape, y.type.shape);
  return [broadcastTo(b, truth(b, x), shape), broadcastTo(b, truth(b, y), shape)];
}
export function logicalAnd(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("and", alike(b, x, y));
}
export function logicalOr(b: Builder, x: Ref, y: Ref): Ref {
  const [p, q] = alike(b, x, y);
  return not(b, b.node("and", [not(b, p), not(b, q)]));
}
export function logicalXor(b: Builder, x: Ref, y: Ref): Ref {
  return b.node("xor", alike(b, x, y));
}
export function logicalNot(b: Builder, x: Ref): Ref {
  return not(b, truth(b, x));
}
