/** What goes in and comes out of a served model, as numbers: no shares, no messages. */
import { FrameError, InputError } from "../errors.js";
import { decode } from "../ring/fixed.js";
import type { ModelFacts } from "./wire.js";

/** One input: numbers in row-major order, or nested arrays. */
export type ModelInput = ArrayBufferView | readonly unknown[];

/** What a model says about one input. */
export interface Prediction {
  /** Position of the largest output; the only thing that a model deployed with reveal = "class" tells. */
  readonly class: number;
  /** The name of that class, if the model has names. */
  readonly label?: string;
  /** All outputs, unless only the class is revealed. */
  readonly scores?: Float64Array;
}

/** Throws FrameError naming the party whose part is not as long as the answer: words of parts are added up one by one. */
export function checkParts({ output, parties }: ModelFacts, parts: readonly Uint8Array[]): void {
  const count = output.shape.reduce((product, length) => product * length, 1);
  for (const [party, { length }] of parts.entries())
    if (8 * length !== output.bits * count)
      throw new FrameError(
        `predict: expected an answer of ${count} numbers, got ${(8 * length) / output.bits} of ${parties[party]}; try the same release`,
      );
}

/** The answer whose words the parties' parts add up to. */
export function prediction({ output, classes }: ModelFacts, bytes: Uint8Array): Prediction {
  // A copy, because its place in the message need not be a multiple of 8.
  const { buffer } = bytes.slice();
  const numbers =
    output.bits === 64
      ? decode(new BigInt64Array(buffer), output.scale)
      : Float64Array.from(new Int32Array(buffer), (word) => word * 2 ** -output.scale);
  const at = output.kind === "class" ? numbers[0]! : numbers.indexOf(Math.max(...numbers));
  const label = classes?.[at];
  return {
    class: at,
    ...(label === undefined ? {} : { label }),
    ...(output.kind === "scores" ? { scores: numbers } : {}),
  };
}

/** Numbers of nested or typed arrays in row-major order. */
export function flatten(input: ModelInput): Float64Array {
  if (ArrayBuffer.isView(input)) return Float64Array.from(input as unknown as ArrayLike<number>);
  const flat = (input as readonly unknown[]).flat(6);
  if (!flat.every((value) => typeof value === "number"))
    throw new InputError("predict: expected numbers, in arrays or a typed array, got something else");
  return Float64Array.from(flat as number[]);
}
