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
  type PlanLimits,
  type PlanReveal,
  type PlanScalar,
  type PlanVariable,
  planDatasets,
  planInputs,
  planReveals,
  planScalars,
  planVariables,
} from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";

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
  /** Bytes of memory, roughly. */
  readonly weight: number;
}

/** A decoded node with its type and schedule takes about so many times its wire form. */
const EXPANSION = 10;

export class Plans {
  readonly #definition: ProtocolDefinition;
  readonly #limits: PlanLimits;
  readonly #limitBytes: number;
  readonly #known = new Map<string, KnownPlan>();
  #bytes = 0;

  constructor(definition: ProtocolDefinition, limits: PlanLimits, limitBytes: number) {
    this.#definition = definition;
    this.#limits = limits;
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Decodes, checks and remembers. The digest is this party's own, never the sender's claim. */
  put(bytes: Uint8Array): KnownPlan {
    if (bytes.length * EXPANSION > this.#limitBytes)
      throw new PlanError(
        `plan: expected at most ${Math.floor(this.#limitBytes / EXPANSION)} bytes, got ${bytes.length}`,
      );
    // A copy, because the sender's buffer may be used again.
    const plan = decodePlan(new Uint8Array(bytes), this.#limits);
    const known = this.#known.get(plan.digest);
    if (known) return this.#touch(known);
    const program = compile(plan, this.#definition);
    const { read, assigned } = planVariables(plan);
    const fresh: KnownPlan = {
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
      weight: bytes.length * EXPANSION,
    };
    this.#bytes += fresh.weight;
    this.#known.set(fresh.digest, fresh);
    for (const oldest of this.#known.values()) {
      if (this.#bytes <= this.#limitBytes) break;
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
