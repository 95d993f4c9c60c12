/** What a party of rep3 holds of a result, for checks on its view. For tests only: nothing in src/ may look into a share. */
import { planeWords } from "../../src/protocol/planes.js";
import { Planes, Replicated } from "../../src/protocol/rep3/share.js";
import type { End } from "./harness.js";

/** Components x_i and x_{i+1} as bytes; nothing for what is not a value of rep3. */
export function peekRep3({ ring }: End, value: unknown): Uint8Array[] {
  if (!(value instanceof Replicated) && !(value instanceof Planes)) return [];
  const words = value instanceof Planes ? value.width * planeWords(value.n, ring) : value.n;
  return [value.a, value.b].map((block) => ring.bytes(block, 0, words * ring.wordBytes).slice());
}
