/**
 * Plans that this party knows, by digest: decoded, checked for form and compiled once; the longest unused are forgotten
 * when they take too much memory. Permission is never kept with them, see policy.ts.
 */
import { compile, type Program } from "../engine/index.js";
import { NameError, PlanError } from "../errors.js";
import {
  decodePlan,
  type Plan,
  type PlanCost,
  type PlanDataset,
  type PlanInput,
  type PlanReveal,
  type PlanScalar,
  type PlanVariable,
  planCost,
  planDatasets,
  planInputs,
  planReveals,
  planScalars,
  planVariables,
  wordBytesOf,
} from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { Budget } from "./budget.js";
import type { Limits } from "./limits.js";
import { bytesOfRun } from "./memory.js";
import { sha256 } from "./schemas.js";

export interface KnownPlan {
  readonly digest: string;
  readonly plan: Plan;
  readonly program: Program;
  readonly cost: PlanCost;
  readonly reveals: readonly PlanReveal[];
  readonly inputs: readonly PlanInput[];
  readonly datasets: readonly PlanDataset[];
  readonly read: readonly PlanVariable[];
  readonly assigned: readonly PlanVariable[];
  readonly scalars: readonly PlanScalar[];
  /** Whether a run takes what a dealer has dealt ahead. */
  readonly dealt: boolean;
  /** Bytes of the ring that a run takes, estimated from above. */
  readonly runBytes: number;
  /** Bytes of memory that the plan itself takes, roughly. */
  readonly weight: number;
}

/** A decoded node with its type and schedule takes about so many times its wire form, without its flows. */
const EXPANSION = 10;
const FLOW_BYTES = 64;

function weightOf({ bytes, nodes }: Plan): number {
  let weight = bytes.length * EXPANSION;
  for (const flows of new Set(nodes.map(({ type }) => type.flows))) weight += flows.length * FLOW_BYTES;
  return weight;
}

export class Plans {
  readonly #definition: ProtocolDefinition;
  readonly #limits: Limits;
  readonly #work: Budget;
  readonly #known = new Map<string, KnownPlan>();
  #bytes = 0;

  constructor(definition: ProtocolDefinition, limits: Limits, now: () => number) {
    this.#definition = definition;
    this.#limits = limits;
    this.#work = new Budget(limits.planWorkMs, now);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Decodes, checks and remembers; a plan that is known costs a hash. The digest is this party's own, never the sender's
   * claim. Throws PlanError, or PolicyError for a caller whose new plans have taken too much time.
   */
  put(caller: string, bytes: Uint8Array): KnownPlan {
    // What is too long is not even hashed.
    const known = bytes.length > this.#limits.plan.maxBytes ? undefined : this.#known.get(sha256(bytes));
    return known ? this.#touch(known) : this.#work.spend(caller, "plan.put", () => this.#add(bytes));
  }

  /** A plan that this party keeps itself, of a served model; its keeper answers for its memory. */
  load(bytes: Uint8Array): KnownPlan {
    return this.#known.get(sha256(bytes)) ?? this.#make(bytes);
  }

  #make(bytes: Uint8Array): KnownPlan {
    // A copy, because the sender's buffer may be used again.
    const plan = decodePlan(new Uint8Array(bytes), this.#limits.plan);
    const weight = weightOf(plan);
    const { planCacheBytes } = this.#limits;
    if (weight > planCacheBytes)
      throw new PlanError(
        `plan: expected to take at most ${planCacheBytes} bytes of memory, got ${weight}; try several plans`,
      );
    const program = compile(plan, this.#definition);
    const { read, assigned } = planVariables(plan);
    const { live } = this.#definition;
    // With what the dealer would send.
    const cost = live ? planCost(plan, live) : program.cost;
    return {
      digest: plan.digest,
      plan,
      program,
      cost: program.cost,
      reveals: planReveals(plan),
      inputs: planInputs(plan),
      datasets: planDatasets(plan),
      scalars: planScalars(plan),
      read,
      assigned,
      dealt: live?.dealer !== undefined && cost.bytes[live.dealer]! > 0,
      runBytes: bytesOfRun(cost, wordBytesOf(plan)),
      weight,
    };
  }

  #add(bytes: Uint8Array): KnownPlan {
    const fresh = this.#make(bytes);
    const { planCacheBytes } = this.#limits;
    this.#bytes += fresh.weight;
    this.#known.set(fresh.digest, fresh);
    for (const oldest of this.#known.values()) {
      if (this.#bytes <= planCacheBytes) break;
      this.#known.delete(oldest.digest);
      this.#bytes -= oldest.weight;
    }
    return fresh;
  }

  get(digest: string): KnownPlan {
    const known = this.#known.get(digest);
    if (!known)
      throw new NameError(
        `plan ${digest.slice(0, 12)}: expected one that was sent to this party, got none; try plan.put`,
      );
    return this.#touch(known);
  }

  list(): KnownPlan[] {
    return [...this.#known.values()];
  }

  #touch(known: KnownPlan): KnownPlan {
    this.#known.delete(known.digest);
    this.#known.set(known.digest, known);
    return known;
  }
}
