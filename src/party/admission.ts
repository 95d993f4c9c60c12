/**
 * Whether this party agrees with a run, given all runs before it: the state that policy.ts judges. Runs are judged in
 * order and before the ones before them have finished, so this knows the variables as they will be then.
 */
import { InputError, PolicyError } from "../errors.js";
import type { Core } from "./core.js";
import { checkWriter, type Requirement, requirementsOf } from "./policy.js";
import type { Request } from "./requests.js";
import { assignedMeta, type VariableMeta } from "./variable-meta.js";

/** Variables as a run leaves them: what it assigns; undefined: what it removes. */
export type Changes = ReadonlyMap<string, VariableMeta | undefined>;

export class Admission {
  readonly #core: Core;
  readonly #catalogue: Map<string, VariableMeta>;

  constructor(core: Core) {
    this.#core = core;
    this.#catalogue = new Map(core.variables.catalogue);
  }

  /** Grants that pay for the run. Throws GrantMissingError or what else is wrong. */
  choose(request: Request): string[] {
    const { plan } = request;
    return plan ? this.#core.grants.choose(plan.digest, this.#requirements(request)) : [];
  }

  /** Throws unless this party agrees with the run, paid with these grants. */
  check(request: Request, grants: readonly string[]): void {
    const { plan, caller, names } = request;
    if (plan) {
      this.#core.grants.check(grants, plan.digest, this.#requirements(request));
      this.#checkInbox(request);
    }
    for (const name of names) {
      if (!this.#catalogue.has(name))
        throw new InputError(`variable ${name}: expected one that exists, got none; try variable.list`);
      checkWriter(name, caller, this.#catalogue);
    }
    const assigned = plan?.assigned.filter(({ name }) => !this.#catalogue.has(name)).length ?? 0;
    const { variables } = this.#core.limits;
    if (assigned + this.#catalogue.size > variables)
      throw new PolicyError(`run: expected at most ${variables} variables, got more; try removing some`);
  }

  /** All parties agree: later runs see what this one leaves. */
  accept(run: number, { plan, caller, names }: Request): Changes {
    const changes = new Map<string, VariableMeta | undefined>(names.map((name) => [name, undefined]));
    for (const { name, type } of plan?.assigned ?? [])
      changes.set(name, assignedMeta(name, type, caller, run, this.#catalogue));
    for (const [name, meta] of changes)
      if (meta) this.#catalogue.set(name, meta);
      else this.#catalogue.delete(name);
    return changes;
  }

  #requirements({ caller, plan, scalars }: Request): Requirement[] {
    const { datasets, identities } = this.#core;
    const dataset = (name: string) => datasets.get(name).meta;
    return requirementsOf({ caller, plan: plan!, scalars, catalogue: this.#catalogue, dataset, identities });
  }

  /** Results for others than the caller must find room. */
  #checkInbox({ plan, caller }: Request): void {
    const needed = new Map<string, { entries: number; bytes: number }>();
    for (const { recipients, type } of plan!.reveals)
      for (const recipient of recipients) {
        const sum = needed.get(recipient) ?? { entries: 0, bytes: 0 };
        sum.entries++;
        sum.bytes += 8 * type.shape.reduce((product, length) => product * length, 1);
        if (recipient !== caller) needed.set(recipient, sum);
      }
    for (const [recipient, { entries, bytes }] of needed) this.#core.inbox.checkSpace(recipient, entries, bytes);
  }
}
