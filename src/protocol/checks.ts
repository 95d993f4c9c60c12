/** What every protocol asks of its callers' arguments, with one wording of each error. Not checks of what other parties send. */
import { BoundError, InputError, ShapeError } from "../errors.js";
import type { Block, Kernels } from "../ring/index.js";
import type { Bits, Product, Share } from "./protocol.js";

type Bits32Or64 = Pick<Kernels, "wordBits">;

/** What a protocol keeps in an opaque value. Throws ShapeError at a value of another protocol. */
export function opened<T>(
  protocol: string,
  kind: "share" | "product" | "bits",
  value: Share | Product | Bits,
  held: new (...args: never[]) => T,
): T {
  const inside: unknown = value;
  if (inside instanceof held) return inside;
  throw new ShapeError(
    `${protocol}: expected a ${kind} of ${protocol}, got one of another protocol; try converting it`,
  );
}

/** Throws BoundError unless `width` is a whole number from `smallest` to the bits of a word. */
export function checkWidth(what: string, { wordBits }: Bits32Or64, width: number, smallest: number): void {
  if (!Number.isInteger(width) || width < smallest || width > wordBits)
    throw new BoundError(
      `${what}: expected a width of ${smallest} to ${wordBits} bits, got ${width}; try the bound of the value`,
    );
}

/** Throws BoundError unless a truncation by `shift` bits is possible. */
export function checkShift({ wordBits }: Bits32Or64, shift: number): void {
  if (!Number.isInteger(shift) || shift < 1 || shift > wordBits - 3)
    throw new BoundError(`truncate: expected a shift of 1 to ${wordBits - 3} bits, got ${shift}; try another scale`);
}

/** Throws ShapeError unless two sizes are equal. */
export function checkSame(what: string, a: number, b: number): void {
  if (a !== b) throw new ShapeError(`${what}: expected inputs of one size, got ${a} and ${b}; try a linear map first`);
}

/** Throws ShapeError unless planes from … from + count - 1 are among `width`. */
export function checkRange(what: string, from: number, count: number, width: number): void {
  if (!Number.isInteger(from) || !Number.isInteger(count) || from < 0 || count < 1 || from + count > width)
    throw new ShapeError(`${what}: expected planes within ${width}, got ${count} from ${from}; try a wider value`);
}

/** Throws InputError unless the owner of an input has given n words. */
export function checkInput(words: Block | undefined, n: number): asserts words is Block {
  if (words === undefined || words.words < n)
    throw new InputError(`input: expected ${n} words from their owner, got ${words?.words ?? "none"}`);
}

/** Throws ShapeError unless each row has a weight for each plane. */
export function checkWeights(weights: readonly (readonly bigint[])[], width: number): void {
  for (const row of weights)
    if (row.length !== width)
      throw new ShapeError(`weigh: expected ${width} weights a row, got ${row.length}; try one for each plane`);
}
