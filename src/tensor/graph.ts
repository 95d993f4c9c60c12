/**
 * The plan that user code is recording right now, and what belongs to it: values to share, run-time scalars, variables
 * and pending reveals. Not a session: what happens with a closed plan is given from outside.
 */
import { NameError, ScaleError } from "../errors.js";
import { share } from "../ops/build.js";
import { mantissaBits, type Precision, type Ref } from "../ops/index.js";
import { differentiate, type Plan, Recorder, type RecordLimits } from "../plan/index.js";
import { encode, type Shape, size } from "../ring/index.js";
import type { Variable } from "./variable.js";

/** Numbers that the driver shares with one run. */
export interface Feed {
  readonly slot: string;
  /** Little-endian words at the slot's scale. */
  readonly words: BigInt64Array;
}
/** A plan ready to run, with what it takes in; `revealed` is called with each label's words, or with an error. */
export interface Closing {
  readonly plan: Plan;
  readonly scalars: Readonly<Record<string, number>>;
  readonly feeds: readonly Feed[];
  readonly reveals: readonly PendingReveal[];
  readonly watched?: readonly Watched[];
  /** Of first values: to be called if the run failed or never was, so that they are given again. */
  undo?(): void;
}
interface Revealed {
  readonly label: string;
  readonly shape: Shape;
  readonly scale: number;
}
/** What a variable becomes, revealed for a twin: nobody waits for it. */
export interface Watched extends Revealed {
  readonly name: string;
}
export interface PendingReveal extends Revealed {
  resolve(words: BigInt64Array): void;
  reject(error: unknown): void;
}
/** What a graph needs from its session. */
export interface GraphHost {
  readonly env: Precision;
  /** The name under which reveals come back to this user. */
  readonly recipient: string;
  /** For sessions without secrecy: plans reveal what they assign, for a twin. */
  readonly revealsAssigned?: boolean;
  /** Of a program that a stranger wrote: each plan records so much, and no more. */
  readonly limits?: RecordLimits;
  /** Runs plans in the order given. Settles the pending reveals itself. */
  submit(closing: Closing): Promise<void>;
}

export class Graph {
  #recorder: Recorder;
  #feeds: Feed[] = [];
  #scalars: Record<string, number> = {};
  #reveals: PendingReveal[] = [];
  #watched: Watched[] = [];
  #coins = 0;
  #current = new Map<string, Ref>();
  #assigned = new Set<string>();
  readonly #known = new Map<string, Variable>();
  #read = new Set<Variable>();
  #flushing = false;
  #failed: unknown;

  constructor(readonly host: GraphHost) {
    this.#recorder = new Recorder(host.env, host.limits);
  }

  get recorder(): Recorder {
    return this.#recorder;
  }

  /** A value of the driver's own, shared when the plan runs. */
  feed(data: Float64Array, shape: Shape): Ref {
    const { fraction, integerBits } = this.#recorder.env;
    const slot = `x${this.#feeds.length}`;
    const words = new BigInt64Array(data.length);
    const limit = 2 ** integerBits;
    const outside = data.findIndex((value) => !(Math.abs(value) < limit));
    if (outside >= 0)
      throw new ScaleError(
        `input: expected numbers of magnitude below 2^${integerBits}, which the session declares, got another at index ${outside}; try scaling them or more integerBits`,
      );
    encode(data, fraction, words);
    this.#feeds.push({ slot, words });
    return this.#recorder.node("input", [], { slot, shape, scale: fraction, bound: fraction + integerBits });
  }

  /**
   * A public number that may differ from run to run without making another plan: numbers of one binary order of magnitude, or,
   * with less precision, all up to `largest`. At most `maxExponent` fraction bits.
   */
  scalar(name: string, value: number, maxExponent: number, largest = value): Ref {
    if (!Number.isFinite(value)) throw new ScaleError(`${name}: expected a finite number, got ${value}`);
    const most = Math.max(Math.abs(value), Math.abs(largest));
    const magnitude = most === 0 ? 0 : Math.floor(Math.log2(most));
    const exponent = Math.min(Math.max(0, mantissaBits - 1 - magnitude), maxExponent);
    const mantissa = Math.round(value * 2 ** exponent);
    if ((mantissa === 0 && value !== 0 && most === Math.abs(value)) || Math.abs(mantissa) > 2 ** mantissaBits)
      throw new ScaleError(
        `${name}: expected a magnitude between 2^-${maxExponent} and 2^${mantissaBits}, got ${value}; try a fraction with fewer bits`,
      );
    let slot = name;
    // Never shared, also if two numbers are equal in this run: they may not be in the next one.
    for (let i = 2; slot in this.#scalars; i++) slot = `${name}.${i}`;
    const limit = 2 ** mantissaBits - 1;
    this.#scalars[slot] = Math.min(Math.max(mantissa, -limit), limit);
    return this.#recorder.node("scalar", [], { slot, exponent });
  }
  /** Public bits from the parties' coin, fresh in every run; each is 1 with probability keep / 2^16. */
  bernoulli(shape: Shape, keep: number): Ref {
    return this.#recorder.node("bernoulli", [], { shape, keep, index: this.#coins++ });
  }
  /** A row or epoch number of this run. */
  position(slot: string, value: number): string {
    this.#scalars[slot] = value;
    return slot;
  }

  /** The variable's value at this point of the plan: after an update, the updated one. */
  read(variable: Variable): Ref {
    const known = this.#known.get(variable.name);
    if (known && known !== variable)
      throw new NameError(
        `variable ${variable.name}: expected one variable of this name in a session, got two; try nn.named()`,
      );
    this.#known.set(variable.name, variable);
    this.#read.add(variable);
    const current = this.#current.get(variable.name);
    if (current) return current;
    const { fraction, integerBits } = this.#recorder.env;
    const { name, shape } = variable;
    const bound = fraction + Math.min(variable.integerBits, integerBits);
    const ref = this.#recorder.node("variable", [], { name, shape, scale: fraction, bound });
    this.#current.set(name, ref);
    return ref;
  }
  /** The variable has this value from here on; stored when the run is acknowledged. */
  write(variable: Variable, value: Ref): void {
    this.read(variable);
    this.#current.set(variable.name, share(this.#recorder, value));
    this.#assigned.add(variable.name);
  }

  /** The parties hold it no more: it, or another one of this name, is initialised when it is next read. */
  forget(name: string): void {
    const known = this.#known.get(name);
    if (known) known.stored = false;
    this.#known.delete(name);
  }

  /** Times `seed`, a public value of shape []. */
  gradients(loss: Ref, variables: readonly Variable[], seed?: Ref): (Ref | undefined)[] {
    return differentiate(
      this.#recorder,
      loss,
      variables.map((variable) => this.read(variable)),
      seed,
    );
  }

  /** `limit` of a meanLoss is a real number. Asks for a value at the end of this plan; the plan closes at the end of the current turn of the event loop. */
  reveal(
    value: Ref,
    attrs: { release: string; limit?: number },
  ): Promise<{ words: BigInt64Array; shape: Shape; scale: number }> {
    const label = `r${this.#reveals.length}`;
    const given = attrs.release === "count" ? value : share(this.#recorder, value);
    const { scale: at } = given.type;
    const limit = attrs.limit === undefined ? {} : { limit: Math.round(attrs.limit * 2 ** at) };
    const recipients = [this.host.recipient];
    const { type } = this.#recorder.node("reveal", [given], { label, release: attrs.release, recipients, ...limit });
    const { shape, scale } = type;
    const result = new Promise<{ words: BigInt64Array; shape: Shape; scale: number }>((resolve, reject) => {
      this.#reveals.push({ label, shape, scale, reject, resolve: (words) => resolve({ words, shape, scale }) });
    });
    if (!this.#flushing) {
      this.#flushing = true;
      // What goes wrong reaches the caller through the reveals that close() rejects.
      queueMicrotask(() => void this.close().catch(() => undefined));
    }
    return result;
  }

  /** Closes the plan and runs it. Resolves when the session has room for the next one; errors of earlier runs surface here. */
  async close(): Promise<void> {
    this.#flushing = false;
    const reveals = this.#reveals;
    try {
      if (this.#failed) throw this.#failed;
      for (const closing of this.#finish()) await this.#submit(closing);
    } catch (error) {
      for (const reveal of reveals) reveal.reject(error);
      throw error;
    }
  }

  async #submit(closing: Closing): Promise<void> {
    try {
      await this.host.submit(closing);
    } catch (error) {
      this.#failed = error;
      throw error;
    }
  }

  /** The recorded plans; a new one begins, also if this one is refused (an assignment of single rows). */
  #finish(): Closing[] {
    try {
      for (const name of this.#assigned) this.#recorder.node("assign", [this.#current.get(name)!], { name });
      if (this.host.revealsAssigned) this.#revealAssigned();
      const closings: Closing[] = [];
      const { hasEffects } = this.#recorder;
      const plan = this.#recorder.close();
      // Only now: a run that was to store one may have failed since it was read.
      const unstored = [...this.#read].filter(({ stored }) => !stored);
      if (unstored.length > 0) closings.push(initialPlan(this.host.env, unstored));
      if (hasEffects)
        closings.push({
          plan,
          scalars: this.#scalars,
          feeds: this.#feeds,
          reveals: this.#reveals,
          watched: this.#watched,
        });
      return closings;
    } finally {
      this.#reset();
    }
  }

  #revealAssigned(): void {
    for (const name of this.#assigned) {
      const label = `assigned:${name}`;
      const recipients = [this.host.recipient];
      const { type } = this.#recorder.node("reveal", [this.#current.get(name)!], {
        label,
        release: "open",
        recipients,
      });
      this.#watched.push({ name, label, shape: type.shape, scale: type.scale });
    }
  }

  #reset(): void {
    this.#recorder = new Recorder(this.host.env, this.host.limits);
    this.#feeds = [];
    this.#scalars = {};
    this.#reveals = [];
    this.#watched = [];
    this.#coins = 0;
    this.#current = new Map();
    this.#assigned = new Set();
    this.#read = new Set();
  }
}

/** A plan of its own that stores initial values, so that the first training step is the same plan as all others. */
function initialPlan(precision: Precision, variables: readonly Variable[]): Closing {
  const recorder = new Recorder(precision);
  const { env } = recorder;
  const feeds: Feed[] = [];
  for (const variable of variables) {
    const { name, shape } = variable;
    const values = variable.initial();
    let ref: Ref;
    if (values === 0) {
      const zero = recorder.node("constant", [], { shape, scale: env.fraction, bound: 1, words: "AAAAAAAAAAA=" });
      ref = recorder.node("secret", [zero]);
    } else {
      const slot = `init:${name}`;
      const words = new BigInt64Array(size(shape));
      encode(values, env.fraction, words);
      feeds.push({ slot, words });
      ref = recorder.node("input", [], { slot, shape, scale: env.fraction, bound: env.fraction + env.integerBits });
    }
    recorder.node("assign", [ref], { name });
    variable.stored = true;
  }
  const undo = () => {
    for (const variable of variables) variable.stored = false;
  };
  return { plan: recorder.close(), scalars: {}, feeds, reveals: [], undo };
}
