/**
 * What a plan is: a typed graph of operators, as data. Not how it is recorded (`record.ts`) or evaluated (`engine/`).
 */
import type { PlanEnv, ValueType } from "../ops/index.js";
import type { WordBytes } from "../ring/index.js";

/** A node refers to earlier nodes by number. */
export interface PlanNode {
  readonly op: string;
  readonly inputs: readonly number[];
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Inferred by whoever holds the plan; never read from the wire. */
  readonly type: ValueType;
}
export interface Plan {
  readonly env: PlanEnv;
  readonly nodes: readonly PlanNode[];
  /** The wire form, which the digest covers. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes` in hex: what parties compare and owners approve. */
  readonly digest: string;
  /** What functions take values to be; known where the plan was recorded, and not sent. */
  readonly assumed?: readonly Assumed[];
}

/** A function's domain that no bound proves of the value of `node`: "log: 0 < x < 2^15". */
export interface Assumed {
  readonly node: number;
  readonly what: string;
}

/** Of the ring that the plan is evaluated in. */
export const wordBytesOf = ({ env }: Pick<Plan, "env">): WordBytes => (env.wordBits === 64 ? 8 : 4);

/** The value of `node` is taken to be below 2^(bound - scale). */
export interface Unproved {
  readonly node: number;
  readonly op: string;
  readonly bound: number;
  readonly scale: number;
  /** Of a variable or an input. */
  readonly name?: string;
}

/** What a plan costs before it runs; computed in `cost.ts`. */
export interface PlanCost {
  readonly rounds: number;
  /** Payload bytes sent to peers, by party. */
  readonly bytes: readonly number[];
  readonly perOperator: Readonly<Record<string, { readonly nodes: number; readonly bytes: number }>>;
  /** Values whose bound is declared, not proved: a wrong declaration would make a comparison or truncation wrong. */
  readonly unproved: readonly Unproved[];
  /** Values that might leave the domain of a function. Empty for a plan that was not recorded here. */
  readonly assumed: readonly Assumed[];
  /** Elements of the values that are alive together at the worst time, roughly; a party holds a few words of each. */
  readonly elements: number;
}
