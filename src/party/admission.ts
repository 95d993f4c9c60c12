/**
 * Whether this party agrees with a run, given all runs before it: the state that policy.ts judges. Runs are judged in
 * order and before the ones before them have finished, so this knows the variables as they will be then.
 */
import { InputError, MemoryError, NameError, PolicyError } from "../errors.js";
import type { Flow } from "../ops/index.js";
import { wordBytesOf } from "../plan/index.js";
import { size } from "../ring/index.js";
import type { Core } from "./core.js";
import type { Segment } from "./dealt/files.js";
import { bytesOfVariables } from "./memory.js";
import type { KnownPlan } from "./plans.js";
import { checkWriter, type Requirement, requirementsOf } from "./policy.js";
import type { Request } from "./requests.js";
import { checkAllowance, checkDeployment } from "./serving/deployment.js";
import { assignedMeta, type VariableMeta } from "./variable-meta.js";

/** Variables as a run leaves them: what it assigns; undefined: what it removes. */
export type Changes = ReadonlyMap<string, VariableMeta | undefined>;

/** Values of a plan times sources of each times what those came from: about half a second. */
const mostLookups = 2_000_000;

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
    const { plan, caller, names, asked, deploy, withdraw } = request;
    if (plan) {
      this.#core.grants.check(grants, plan.digest, this.#requirements(request));
      if (asked) checkAllowance(asked);
      else this.#checkInbox(request);
    }
    if (deploy) this.#checkDeploy(request, deploy);
    if (withdraw !== undefined) this.#checkWithdraw(withdraw, caller);
    for (const name of names) {
      if (!this.#catalogue.has(name))
        throw new InputError(`variable ${name}: expected one that exists, got none; try session.variables()`);
      checkWriter(name, caller, this.#catalogue);
    }
    if (plan?.assigned.length) this.#checkVariables(this.#changes(0, request));
  }

  /** What the run takes of what was dealt ahead. Throws where there is nothing left. */
  segment({ plan, scalars }: Request): Segment | undefined {
    return plan && this.#core.dealt.next({ plan, scalars });
  }

  /** Throws unless the run may take that here. */
  checkSegment({ plan, scalars }: Request, segment: Segment | undefined): void {
    if (plan) this.#core.dealt.check({ plan, scalars }, segment);
    else if (segment)
      throw new InputError("run: expected no correlations for a removal, got some; try the same release");
  }

  /** All parties agree: later runs see what this one leaves. */
  accept(run: number, request: Request): Changes {
    const changes = this.#changes(run, request);
    for (const [name, meta] of changes)
      if (meta) this.#catalogue.set(name, meta);
      else this.#catalogue.delete(name);
    return changes;
  }

  #changes(run: number, { plan, caller, names }: Request): Changes {
    const changes = new Map<string, VariableMeta | undefined>(names.map((name) => [name, undefined]));
    for (const { name, type } of plan?.assigned ?? [])
      changes.set(name, assignedMeta(name, type, caller, run, this.#catalogue));
    return changes;
  }

  #checkDeploy(request: Request, { description, plans }: NonNullable<Request["deploy"]>): void {
    const { definition, deployments, grants } = this.#core;
    deployments.checkName(description.name);
    checkDeployment(description, plans, definition);
    // What owners must agree to is asked now and again for every batch.
    for (const plan of plans.values()) grants.choose(plan.digest, this.#requirements({ ...request, plan }, true));
  }

  #checkWithdraw(name: string, caller: string): void {
    const known = this.#core.deployments.live(name);
    if (!known) throw new NameError(`withdraw: expected a model that is served, got ${name}; try deployments`);
    if (known.owner !== caller)
      throw new PolicyError(
        `withdraw ${name}: expected its owner ${known.owner}, got ${caller}; try as ${known.owner}`,
      );
  }

  #requirements({ caller, plan, scalars, asked }: Request, served = asked !== undefined): Requirement[] {
    this.#checkMemory(plan!);
    this.#checkLookups(plan!);
    const { datasets } = this.#core;
    // Clients of a served model are no identities of the cluster; deployment.ts has looked at the recipients.
    const identities = served ? undefined : this.#core.identities;
    const dataset = (name: string) => datasets.get(name).meta;
    return requirementsOf({ caller, plan: plan!, scalars, catalogue: this.#catalogue, dataset, identities });
  }

  /** Before the sources behind all values are looked up. */
  #checkLookups({ reveals, assigned }: KnownPlan): void {
    const sourcesOf = ({ source }: Flow) =>
      source.startsWith("variable:") ? this.#catalogue.get(source.slice("variable:".length))?.sources.length : 0;
    let lookups = 0;
    for (const { flows } of [...reveals, ...assigned.map(({ type }) => type)])
      for (const flow of flows) {
        lookups += 1 + (sourcesOf(flow) ?? 0);
        if (lookups > mostLookups)
          throw new PolicyError(
            `run: expected at most ${mostLookups} sources behind the values of a plan, got more; try several plans or fewer owners`,
          );
      }
  }

  /** A run that has begun and finds no memory would end the session for everybody. */
  #checkMemory({ runBytes, cost }: KnownPlan): void {
    const { memoryBytes } = this.#core.limits;
    const stored = bytesOfVariables(this.#catalogue);
    if (runBytes + stored > memoryBytes)
      throw new MemoryError(
        `run: expected a plan that fits into ${mib(memoryBytes)}, got one of about ${mib(runBytes)} (${cost.elements} elements) beside ${mib(stored)} of variables; try smaller batches or fewer variables`,
      );
  }

  /** The catalogue after the changes: every party keeps it in memory and lists it to everybody. */
  #checkVariables(changes: Changes): void {
    const { limits } = this.#core;
    let [variables, sources] = [0, 0];
    const count = (meta: VariableMeta | undefined) => {
      if (meta) variables++;
      sources += meta?.sources.length ?? 0;
    };
    for (const [name, meta] of this.#catalogue) if (!changes.has(name)) count(meta);
    for (const meta of changes.values()) count(meta);
    for (const [what, got, most] of [
      ["variables", variables, limits.variables],
      ["sources of variables", sources, limits.sources],
    ] as const)
      if (got > most) throw new PolicyError(`run: expected at most ${most} ${what}, got ${got}; try removing some`);
  }

  /** Results for others than the caller must find room. */
  #checkInbox({ plan, caller }: Request): void {
    const needed = new Map<string, { entries: number; bytes: number }>();
    for (const { recipients, type } of plan!.reveals)
      for (const recipient of recipients) {
        const sum = needed.get(recipient) ?? { entries: 0, bytes: 0 };
        sum.entries++;
        sum.bytes += wordBytesOf(plan!.plan) * size(type.shape);
        if (recipient !== caller) needed.set(recipient, sum);
      }
    for (const [recipient, { entries, bytes }] of needed) this.#core.inbox.checkSpace(recipient, entries, bytes);
  }
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
