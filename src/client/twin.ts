/**
 * The same session once more in the clear: runs every plan of a session also in float64, on data that its user has, and tells how
 * far both are apart and which values left their bounds. For trying out and for tests; nothing in it is secret.
 */
import { type ClearHost, type ClearResult, evaluateClear, type Overflow, type Reals } from "../clear/index.js";
import type { RowSource } from "../data/index.js";
import { NameError, OverflowError, ShapeError } from "../errors.js";
import type { RowRequest } from "../ops/index.js";
import { checkOptions } from "../options.js";
import { secureRandom } from "../random/index.js";
import { decode, size } from "../ring/index.js";
import { type Closing, readValues, type Values, type Variable } from "../tensor/index.js";

/** What the parties have and the twin has, of one value. */
export interface Difference {
  /** A reveal's label, or the name of a variable. */
  readonly name: string;
  /** The largest |theirs - the twin's| of an element. */
  readonly largest: number;
  /** The largest magnitude that the twin has. */
  readonly magnitude: number;
  /** What the twin has. */
  readonly clear: Float64Array;
}
export interface ClearStep {
  readonly run: number;
  readonly revealed: readonly Difference[];
  /** Of local sessions with `debug`; elsewhere nobody may look, so that it is empty. */
  readonly assigned: readonly Difference[];
  readonly overflows: readonly Overflow[];
  /** What the twin was not told; values that depend on it are not compared. */
  readonly missing: readonly string[];
  /** False from the first run on for which the twin drew masks or an order of rows of its own: differences are those of luck, too. */
  readonly alike: boolean;
  readonly seconds: number;
}
export interface TwinOptions {
  readonly onStep?: (step: ClearStep) => void;
  /** Called for each value that left its bound; without it the run's reveals are rejected with an OverflowError. */
  readonly onOverflow?: (overflow: Overflow) => void;
}
/** What the parties draw, where somebody can tell: in a local session. */
export interface SharedLuck {
  rows(request: RowRequest, rows: number): ArrayLike<number>;
  /** Fills buffers with what the parties' coin gave to a node of a run. */
  coin(run: number, node: number): (target: Uint8Array) => void;
}

interface Rows {
  readonly data: Float64Array;
  readonly rows: number;
}

/**
 * @example
 * const twin = new ClearTwin({ onStep: ({ revealed }) => console.log(revealed) });
 * await twin.know("alice/images", images);
 * const session = await connect("cluster.json", { twin });
 */
export class ClearTwin {
  readonly #options: TwinOptions;
  readonly #datasets = new Map<string, Rows>();
  #variables = new Map<string, Reals>();
  readonly #orders = new Map<string, Uint32Array>();
  #luck: SharedLuck | undefined;
  #alike = true;

  constructor(options: TwinOptions = {}) {
    checkOptions("twin", options, { onStep: true, onOverflow: true });
    this.#options = options;
  }

  /** The rows of a dataset as its owner shared them. Holds all of them. */
  async know(name: string, values: Values | RowSource, shape?: readonly number[]): Promise<void> {
    if (typeof values === "object" && "read" in values && typeof values.read === "function") {
      const source = values as RowSource;
      const data = new Float64Array(source.rows * size(source.rowShape));
      await source.read(0, source.rows, data);
      this.#datasets.set(name, { data, rows: source.rows });
    } else {
      const read = readValues(values as Values, shape);
      if (read.shape.length === 0)
        throw new NameError(`know ${name}: expected rows, got a single number; try [number]`);
      this.#datasets.set(name, { data: read.data, rows: read.shape[0]! });
    }
  }
  /** What a variable is now: for one that the parties hold from an earlier session. */
  set(variable: Pick<Variable, "name" | "shape">, values: Values): void {
    const { data } = readValues(values, variable.shape);
    this.#variables.set(variable.name, data);
  }
  /** What a variable is now, without what rounding made of it; undefined if the twin does not know. */
  get(variable: Pick<Variable, "name">): Float64Array | undefined {
    return this.#variables.get(variable.name)?.slice();
  }
  /** For sessions that can tell what the parties draw. */
  share(luck: SharedLuck): void {
    this.#luck = luck;
  }

  /**
   * Runs a plan that the parties have run. `words`: what they revealed, then what was watched. Throws OverflowError unless there is
   * `onOverflow`.
   */
  step({ plan, scalars, feeds, reveals, watched = [] }: Closing, words: readonly BigInt64Array[], run: number): void {
    const began = performance.now();
    const scales = new Map(
      plan.nodes.flatMap(({ op, attrs, type }) => (op === "input" ? [[attrs.slot, type.scale]] : [])),
    );
    const inputs = new Map(feeds.map(({ slot, words }) => [slot, decode(words, scales.get(slot) as number)]));
    const host: ClearHost = {
      scalar: (slot) => scalars[slot],
      input: (slot) => inputs.get(slot),
      rows: (request) => this.#rows(request),
      variable: (name) => this.#variables.get(name),
      coins: (n, keep, node) => this.#coins(n, keep, run, node),
    };
    const result = evaluateClear(plan, host);
    this.#keep(
      plan.nodes.flatMap(({ op, attrs }) => (op === "assign" ? [attrs.name as string] : [])),
      result,
    );
    const differences = (list: readonly { label: string; scale: number; name?: string }[], from: number) =>
      list.flatMap(({ label, scale, name = label }, i) => {
        const clear = result.revealed.get(label);
        return clear ? [difference(name, decode(words[from + i]!, scale), clear)] : [];
      });
    const { overflows, missing } = result;
    this.#options.onStep?.({
      run,
      revealed: differences(reveals, 0),
      assigned: differences(watched, reveals.length),
      overflows,
      missing,
      alike: this.#alike,
      seconds: (performance.now() - began) / 1000,
    });
    const { onOverflow } = this.#options;
    if (onOverflow) overflows.forEach(onOverflow);
    else if (overflows[0]) throw new OverflowError(messageOf(overflows[0], overflows.length));
  }

  #keep(names: readonly string[], { assigned }: ClearResult): void {
    for (const name of names) {
      const value = assigned.get(name);
      if (value) this.#variables.set(name, value);
      else this.#variables.delete(name);
    }
  }

  #rows(request: RowRequest): Reals | undefined {
    const { dataset, batch, position, shuffle } = request;
    const known = this.#datasets.get(dataset);
    if (!known) return undefined;
    const width = known.data.length / known.rows;
    if (!shuffle) return known.data.subarray(position * width, (position + batch) * width);
    const numbers = this.#luck?.rows(request, known.rows) ?? this.#ownOrder(request, known.rows);
    const out = new Float64Array(batch * width);
    for (let i = 0; i < batch; i++)
      out.set(known.data.subarray(numbers[i]! * width, (numbers[i]! + 1) * width), i * width);
    return out;
  }
  /** Another order than the parties', the same for datasets of as many rows. */
  #ownOrder({ epoch, stride, position, batch }: RowRequest, rows: number): Uint32Array {
    this.#alike = false;
    const key = `${rows}/${stride}/${epoch}`;
    let order = this.#orders.get(key);
    if (!order) {
      const draws = new Uint32Array(secureRandom(4 * rows).buffer);
      order = Uint32Array.from({ length: rows }, (_, i) => i).sort((a, b) => draws[a]! - draws[b]!);
      this.#orders.clear();
      this.#orders.set(key, order);
    }
    return order.subarray(position, position + batch);
  }

  #coins(n: number, keep: number, run: number, node: number): Reals {
    const bytes = new Uint8Array(2 * n);
    if (this.#luck) this.#luck.coin(run, node)(bytes);
    else {
      this.#alike = false;
      for (let from = 0; from < bytes.length; from += 65536)
        bytes.set(secureRandom(Math.min(65536, bytes.length - from)), from);
    }
    return Float64Array.from({ length: n }, (_, i) => (bytes[2 * i]! + 256 * bytes[2 * i + 1]! < keep ? 1 : 0));
  }
}

function difference(name: string, theirs: Float64Array, clear: Reals): Difference {
  let [largest, magnitude] = [0, 0];
  if (theirs.length !== clear.length)
    throw new ShapeError(`twin: expected ${clear.length} numbers of ${name}, got ${theirs.length}`);
  for (let i = 0; i < clear.length; i++) {
    largest = Math.max(largest, Math.abs(theirs[i]! - clear[i]!));
    magnitude = Math.max(magnitude, Math.abs(clear[i]!));
  }
  return { name, largest, magnitude, clear };
}

function messageOf({ op, node, shape, near, kind, largest, limit, count, into }: Overflow, of: number): string {
  const where = `${op} (node ${node}, [${shape}], made of ${near.join(", ") || "public numbers"})`;
  const expected =
    kind === "bound"
      ? `magnitudes below ${limit}, got ${count} of up to ${largest.toPrecision(6)}`
      : `values that it is good for, got ${count} others`;
  const remedy =
    kind === "domain"
      ? "clamp() before the function"
      : ["input", "dataset"].includes(op)
        ? "to scale the data"
        : "smaller inputs or initial weights, a lower learning rate, or clipped gradients";
  const more = of > 1 ? ` (and ${of - 1} nodes after it)` : "";
  return `overflow: expected of ${where} ${expected}${more}, which went into ${into.slice(0, 3).join(", ")}; try ${remedy}`;
}
