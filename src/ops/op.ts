/**
 * What an operator is: one object with its attributes, type rule, gradient rule, cost and evaluation. Not the operators
 * themselves: each family is a file beside this one, and `table.ts` lists them so that a missing rule does not compile.
 */
import type { GenericSchema } from "valibot";
import type { Bits, Cost, Costs, Product, Protocol, Rounds, Share, Site, StoredShare } from "../protocol/index.js";
import type { Block, Ring, Shape } from "../ring/index.js";

/**
 * How a value is held. share: secret words. product: secret words before their reshare (linear operators accept it, and
 * it costs nothing until something needs a share). bits: one secret bit an element. public: words that everyone knows.
 */
export type Kind = "share" | "product" | "bits" | "public";

/**
 * One way in which a value depends on a source; a value may have several flows of one source. Row: on rows of the batch or
 * input, either apart or mixed. Model: as part of a variable. How flows move is in `flow.ts`.
 */
export interface Flow {
  /** "dataset:alice/images", "input:x", "variable:fc1.weight". */
  readonly source: string;
  readonly label: "row" | "model";
  /** Rows apart: the axis along which they lie, one a position. Undefined: rows mixed, or model. */
  readonly axis?: number | undefined;
  /**
   * Rows apart: how many. Rows mixed: how many at least were summed with equal weights; 1 where that is not known. Model:
   * the same, from when it was assigned; 0 where it was read.
   */
  readonly rows: number;
  /** Rows: the place in the batch of the first one; the others follow. Undefined where that is not known. */
  readonly first?: number | undefined;
}

/** The static type of a value in a plan. */
export interface ValueType {
  readonly kind: Kind;
  readonly shape: Shape;
  /** Fraction bits: the real number is word / 2^scale. */
  readonly scale: number;
  /** |word| < 2^bound. */
  readonly bound: number;
  /** False if the bound rests on the declaration that results stay below 2^integerBits. */
  readonly proved: boolean;
  /** Sorted and distinct, see `flow.ts`. */
  readonly flows: readonly Flow[];
  /**
   * By axis: position i along it is the same function for every i, of row i of the datasets whose rows lie along it. False
   * for features, and for anything that varies from position to position by the driver's choice.
   */
  readonly alike: readonly boolean[];
}

/** A value while a plan is recorded. */
export interface Ref {
  readonly id: number;
  readonly type: ValueType;
}

/** The numbers of a session, as users give them. */
export interface Precision {
  /** Fraction bits of a share at rest: 16 for inference, 20 for training. */
  readonly fraction: number;
  /** Results are declared to stay below 2^integerBits (docs/decisions/0003-bounds.md). Default 15. */
  readonly integerBits?: number;
}
/** Facts about the session that type rules need. */
export interface PlanEnv extends Required<Precision> {
  /** Bits of the ring's words; 32 where a plan's numbers fit (docs/decisions/0020-ring32.md). */
  readonly wordBits: 64 | 32;
}

/** How a value was recorded. */
export interface Made {
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** Appends nodes: what gradient rules and the composed operators of `build.ts` record with. */
export interface Builder {
  readonly env: PlanEnv;
  /** Infers the type, throws ShapeError/ScaleError/BoundError, merges equal nodes. */
  node(op: string, inputs: readonly Ref[], attrs?: Record<string, unknown>): Ref;
  /** Throws StaleValueError for values of another plan. */
  made(ref: Ref): Made;
  /**
   * Says that `output`, however it was recorded, is a function of these inputs with this gradient: the rule of the function, not of
   * the steps of its approximation. Returns `output`. Of a value that has a rule already the first one counts.
   */
  define(output: Ref, inputs: readonly Ref[], gradient: GradientRule): Ref;
  /** Says what a function takes `ref` to be, where no bound says so: "log: 0 < x < 2^15". For people to read; checks nothing. */
  assume(ref: Ref, what: string): void;
}

/** Gradients for the inputs, undefined where none flows. Where `wanted` is false nobody asks for that input's. */
export type GradientRule = (
  builder: Builder,
  gradient: Ref,
  wanted: readonly boolean[],
) => readonly (Ref | undefined)[];

/** A value while a plan is evaluated at one party. */
export type Value =
  | { readonly kind: "share"; readonly share: Share }
  | { readonly kind: "product"; readonly product: Product }
  | { readonly kind: "bits"; readonly bits: Bits }
  | { readonly kind: "public"; readonly words: Block };

/** What an evaluation rule works with. */
export interface EvalContext {
  readonly ring: Ring;
  readonly protocol: Protocol;
  /** Of this node: nonces, pivot, the run's memory. */
  readonly site: Site;
  readonly host: EvalHost;
}

/** What source and sink operators ask of the party that evaluates. */
export interface EvalHost {
  /** The mantissa of run-time scalar `slot`. */
  scalar(slot: string): bigint;
  /** Fills buffers with bytes of the parties' common coin, one after the other: the same at all members, other ones for each nonce. */
  coin(nonce: ReturnType<Site["nonce"]>): (target: Uint8Array) => void;
  /** The sharing that the driver sent with this run. */
  input(slot: string, words: number): StoredRows;
  dataset(name: string): StoredRows;
  /** Row numbers of a batch, the same at all parties. */
  rows(request: RowRequest): Uint32Array;
  /** The current version of a variable; the store keeps owning it. */
  variable(name: string): Share;
  /**
   * A new version, handed over: the engine never frees it, the host does or moves it to a scope that lives longer. The same
   * Share object may come twice, or be one that `variable` returned: then the host copies.
   */
  assign(name: string, share: Share, type: ValueType): void;
  /** This party's part of a revealed value, for one recipient; the block is valid during the call. */
  reveal(label: string, recipient: string, part: Block): void;
}
export interface RowRequest {
  readonly dataset: string;
  readonly batch: number;
  readonly stride: number;
  readonly shuffle: boolean;
  readonly epoch: number;
  readonly position: number;
}
/** An outsider's sharing as this party keeps it. */
export interface StoredRows {
  readonly rowWords: number;
  readonly rows: number;
  readonly stored: StoredShare;
}

/** A look at an input: as a factor of a product, at its low `width` bits, or to select it. */
export interface Look {
  readonly input: number;
  readonly as: "factor" | "selected" | { readonly width: number };
}

export interface Operator<A = Record<string, never>> {
  /** Validates attributes that come from outside; every field is listed, nothing else is accepted. */
  readonly attrs: GenericSchema<unknown, A> & { readonly entries: object };
  /** Number of inputs, checked before `infer`. */
  readonly arity: number | "any";
  infer(inputs: readonly ValueType[], attrs: A, env: PlanEnv): ValueType;
  /**
   * Gradients for the inputs, undefined where none flows; absent: the operator stops gradients. Where `wanted` is false
   * nobody asks for that input's gradient: rules that cost something may leave it out.
   */
  gradient?(
    builder: Builder,
    inputs: readonly Ref[],
    attrs: A,
    output: Ref,
    gradient: Ref,
    wanted: readonly boolean[],
  ): readonly (Ref | undefined)[];
  /**
   * Moves elements only. With as many elements in the result it is the same value in another form: protocols that open masks
   * open both at once.
   */
  readonly layout?: true;
  /** Needs words of 64 bits: plans that have it are evaluated in Z_2^64. */
  readonly wide?: true;
  /** What it looks at of its inputs, for protocols that open masks. */
  looks?(inputs: readonly ValueType[], attrs: A): readonly Look[];
  /** Words that its evaluation takes at one time, beside values, messages and copies of its inputs. */
  workspace?(inputs: readonly ValueType[], attrs: A): number;
  /** For values whose masks are open, if the protocol has any. */
  cost(costs: Costs, inputs: readonly ValueType[], attrs: A, output: ValueType, pivot: number): Cost;
  evaluate(context: EvalContext, inputs: readonly Value[], attrs: A, types: NodeTypes): Rounds<Value> | Value;
}
export interface NodeTypes {
  readonly inputs: readonly ValueType[];
  readonly output: ValueType;
}
