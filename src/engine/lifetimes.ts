/**
 * When the values of a run may be freed: after their last reader, unless somebody else owns them. Not an allocator: what is
 * never freed here goes with the run's scope.
 */
import type { Value } from "../ops/index.js";
import type { Protocol } from "../protocol/index.js";
import type { Scope } from "../ring/index.js";
import type { Program } from "./compile.js";

export class Lifetimes {
  readonly #values: (Value | undefined)[];
  /** How many nodes still have to read node i's value. */
  readonly #readers: number[];
  /** How many nodes' values are one object: an alias (a reshape) must not free what another still reads. */
  readonly #references = new Map<object, number>();

  constructor(
    private readonly program: Program,
    private readonly protocol: Protocol,
    private readonly scope: Scope,
  ) {
    this.#values = new Array(program.steps.length);
    this.#readers = program.consumers.map((list) => list.length);
  }

  get(id: number): Value {
    return this.#values[id]!;
  }

  /** Node `id` is done: keeps its value for its readers and lets go of its inputs. */
  complete(id: number, value: Value): void {
    const { op } = this.program.steps[id]!;
    this.#values[id] = value;
    // One reference more, never given back: a variable's share belongs to the store, an assigned one to the host.
    const foreign = op === "variable" || op === "assign" ? 1 : 0;
    const object = contents(value);
    this.#references.set(object, (this.#references.get(object) ?? 0) + 1 + foreign);
    if (this.#readers[id] === 0) this.#drop(id);
    for (const input of this.program.needs[id]!) if (--this.#readers[input]! === 0) this.#drop(input);
  }

  #drop(id: number): void {
    const value = this.#values[id]!;
    this.#values[id] = undefined;
    const object = contents(value);
    const left = this.#references.get(object)! - 1;
    this.#references.set(object, left);
    if (left > 0) return;
    this.#references.delete(object);
    if (value.kind === "public") this.scope.free(value.words);
    else this.protocol.free(this.scope, contents(value) as Parameters<Protocol["free"]>[1]);
  }
}

function contents(value: Value): object {
  if (value.kind === "share") return value.share;
  if (value.kind === "product") return value.product;
  return value.kind === "bits" ? value.bits : value.words;
}
