/** What goes in and comes out of a served model, as numbers, and the facts it goes by: no shares, no messages. */
import { FrameError, InputError, PolicyError, ShapeError } from "../errors.js";
import { decode, encode } from "../ring/fixed.js";
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

/** No single party can make a client believe anything about the model. */
export function checkFacts(facts: readonly ModelFacts[], parties: number, model: string): void {
  const common = ({ party: _, partBytes: __, ...rest }: ModelFacts) => JSON.stringify(rest);
  const [first] = facts;
  facts.forEach((each, party) => {
    if (each.party !== party || each.parties.length !== parties || each.model !== model)
      throw new InputError(
        `model: expected party ${party} of ${parties} with ${model} at address ${party}, got party ${each.party} of ${each.parties.length} with ${each.model}; try the addresses of ${each.parties.join(", ")} in this order`,
      );
    if (common(each) !== common(first!))
      throw new PolicyError(
        `model: expected the same facts of ${model} at all parties, got others at ${each.parties[party]}; try again if it was just deployed`,
      );
  });
}

/** The words of an input, as little-endian bytes. Throws ShapeError for another number of them, ScaleError for too large ones. */
export function inputWords({ input, fraction }: ModelFacts, values: Float64Array): Uint8Array {
  const size = input.reduce((product, length) => product * length, 1);
  if (values.length !== size)
    throw new ShapeError(
      `predict: expected ${size} numbers for an input of shape [${input}], got ${values.length}; try one input at a time`,
    );
  return new Uint8Array(encode(values, fraction, new BigInt64Array(size)).buffer);
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
  const at = output.kind === "class" ? numbers[0]! : largest(numbers);
  const label = classes?.[at];
  return {
    class: at,
    ...(label === undefined ? {} : { label }),
    ...(output.kind === "scores" ? { scores: numbers } : {}),
  };
}

/** The position of the first of the largest; not Math.max(...), whose arguments have to fit on the stack. */
function largest(numbers: Float64Array): number {
  let at = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[at]!) at = i;
  return at;
}

/** Numbers of nested or typed arrays in row-major order. */
export function flatten(input: ModelInput): Float64Array {
  // Not Float64Array.from, which iterates.
  if (ArrayBuffer.isView(input)) return new Float64Array(input as unknown as ArrayLike<number>);
  const flat = (input as readonly unknown[]).flat(6);
  if (!flat.every((value) => typeof value === "number"))
    throw new InputError("predict: expected numbers, in arrays or a typed array, got something else");
  return Float64Array.from(flat as number[]);
}
