/** What a layer of Keras is made from: its configuration and its weights, read strictly. Not the layers, see `layers.ts`. */
import { ModelFileError } from "../../errors.js";
import type * as nn from "../../nn/index.js";
import { brief } from "../json.js";
import { checkWeights } from "../limits.js";
import type { Numbers } from "../numbers.js";
import { activation } from "./activations.js";
import type { Config } from "./config.js";
import type { Value } from "./value.js";

/** Why a layer cannot be taken over. */
export class Refusal extends Error {}

/** Lengths of windows and strides: larger ones are nobody's, and would be counted out one by one. */
export const mostPerAxis = 4096;

/** What is known of a layer when it is made. */
export class Making {
  #next = 0;
  constructor(
    readonly name: string,
    readonly config: Config,
    readonly weights: readonly Numbers[],
    /** Keras 2 or 3: some defaults changed. */
    readonly major: number,
  ) {}

  refuse(reason: string): never {
    throw new Refusal(brief(reason));
  }
  number(key: string, otherwise?: number): number {
    const value = this.config[key] ?? otherwise;
    if (typeof value !== "number" || !Number.isFinite(value)) return this.refuse(`${key} is no number`);
    return value;
  }
  whole(key: string, otherwise?: number): number {
    const value = this.number(key, otherwise);
    return Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : this.refuse(`${key} is ${value}`);
  }
  text(key: string, otherwise: string): string {
    const value = this.config[key] ?? otherwise;
    return typeof value === "string" ? value : this.refuse(`${key} is no text`);
  }
  flag(key: string, otherwise = false): boolean {
    return (this.config[key] ?? otherwise) === true;
  }
  /** Whole numbers, one for each of `rank` axes. */
  ints(key: string, rank: number, otherwise?: number): number[] {
    const value = this.config[key] ?? otherwise;
    const list = Array.isArray(value) ? value : new Array<unknown>(rank).fill(value);
    if (list.length !== rank || !list.every((each) => Number.isInteger(each) && each > 0 && each <= mostPerAxis))
      this.refuse(`${key} is ${list}`);
    return list as number[];
  }
  get activation(): (x: Value) => Value {
    return activation(this, this.config.activation);
  }
  /** The next of the layer's weights, of this shape; undefined lengths are any. */
  weight(what: string, ...shape: (number | undefined)[]): Numbers {
    const numbers = this.weights[this.#next++];
    const fits =
      numbers?.shape.length === shape.length && shape.every((d, i) => d === undefined || d === numbers.shape[i]);
    if (!numbers || !fits)
      throw new ModelFileError(
        `importKeras: ${brief(this.name)}: expected ${what} of shape [${shape.map((d) => d ?? "any")}], got ${numbers ? `[${numbers.shape}]` : "none"}; try the architecture that the weights were trained in`,
      );
    checkWeights(`importKeras: ${this.name}, ${what}`, numbers.data);
    return numbers;
  }
  bias(length: number): Numbers | undefined {
    return this.flag("use_bias", true) ? this.weight("bias", length) : undefined;
  }
  /** Whether images have channels first already. */
  get channelsFirst(): boolean {
    return this.text("data_format", "channels_last") === "channels_first";
  }
}

export interface Made {
  /** Undefined where nothing is trained. */
  readonly part?: nn.Part;
  readonly record: (...inputs: readonly Value[]) => Value;
}
export type LayerTable = Readonly<Record<string, (making: Making) => Made>>;
