/**
 * What a party allows a run to do, decided anew for every run with its scalars: well-formed use of datasets, variables and
 * scalars, and which owners must have approved what leaves. Not the book of approvals, which is grants.ts.
 *
 * Labels stop mistakes. Against a hostile driver only the approval by digest protects (docs/security.md).
 */
import type { DatasetMeta } from "../data/share-meta.js";
import { NameError, PlanError, PolicyError } from "../errors.js";
import type { RowRequest } from "../ops/index.js";
import { type PlanReveal, scalarFits } from "../plan/index.js";
import { sameShape } from "../ring/index.js";
import { mostGrantsOfRun } from "./control.js";
import type { KnownPlan } from "./plans.js";
import { checkBatch } from "./rows.js";
import { ownerOfSource, ultimateSources, type VariableMeta } from "./variable-meta.js";

/** A reveal that an owner must have approved. */
export interface Requirement {
  readonly owner: string;
  /** One of the owner's sources in the cone of the reveal, for messages. */
  readonly source: string;
  /** The variable by which that source arrives, if it does by none of the run's own datasets and inputs. */
  via(): string | undefined;
  readonly label: string;
  readonly release: string;
  readonly recipients: readonly string[];
  readonly rows: number;
}

/** One run as the policy sees it. */
export interface RunFacts {
  readonly caller: string;
  readonly plan: KnownPlan;
  readonly scalars: ReadonlyMap<string, number>;
  /** The variables as they will be when the run starts. */
  readonly catalogue: ReadonlyMap<string, VariableMeta>;
  /** Throws NameError where no such dataset is published. */
  dataset(name: string): DatasetMeta;
  /** Everybody who could collect a result; undefined: not known (local()). */
  readonly identities?: ReadonlySet<string> | undefined;
}

/** The scalars of a run, each in its slot and range. */
export function checkScalars({ scalars }: KnownPlan, given: ReadonlyMap<string, number>): void {
  for (const { slot, kind } of scalars) {
    const value = given.get(slot);
    if (value === undefined || !scalarFits(kind, value)) {
      const range = kind === "number" ? "an integer of at most 10 bits" : "an integer from 0 to 2^31 - 1";
      throw new PolicyError(`run: expected ${range} for scalar ${slot}, got ${value ?? "none"}; try another mantissa`);
    }
  }
  if (given.size !== scalars.length) {
    const known = new Set(scalars.map((scalar) => scalar.slot));
    const extra = [...given.keys()].find((slot) => !known.has(slot));
    throw new PolicyError(
      `run: expected ${scalars.length} scalars, got ${given.size} (${extra} is none of the plan's)`,
    );
  }
}

/** Throws unless the run may be done, given grants for what is returned. */
export function requirementsOf(facts: RunFacts): Requirement[] {
  checkScalars(facts.plan, facts.scalars);
  checkDatasets(facts);
  checkVariables(facts);
  const requirements: Requirement[] = [];
  for (const reveal of facts.plan.reveals) {
    requirements.push(...requirementsOfReveal(reveal, facts));
    // Each may take a grant of its own.
    if (requirements.length > mostGrantsOfRun)
      throw new PolicyError(
        `run: expected at most ${mostGrantsOfRun} reveals times owners who must agree, got more; try several plans`,
      );
  }
  return requirements;
}

function requirementsOfReveal(reveal: PlanReveal, { caller, catalogue, identities }: RunFacts): Requirement[] {
  const { label, release, recipients, rows = 0 } = reveal;
  const stranger = identities && recipients.find((recipient) => !identities.has(recipient));
  if (stranger !== undefined)
    throw new PolicyError(
      `reveal "${label}": expected users and compute parties of this cluster as recipients, got ${stranger}; try adding a user`,
    );
  const direct = reveal.flows.map((flow) => flow.source);
  const sources = ultimateSources(direct, caller, catalogue);
  const byOwner = new Map(sources.map((source) => [ownerOfSource(source), source]));
  // What came from the caller alone is the caller's to reveal.
  byOwner.delete(caller);
  return [...byOwner].map(([owner, source]) => {
    const via = () =>
      direct.includes(source)
        ? undefined
        : direct.find((each) => ultimateSources([each], caller, catalogue).includes(source));
    return { owner, source, via, label, release, recipients, rows };
  });
}

function checkDatasets({ plan, scalars, dataset }: RunFacts): void {
  const requests = new Map<string, RowRequest[]>();
  for (const use of plan.datasets) {
    const meta = dataset(use.name);
    const same = meta.rows === use.rows && sameShape(meta.rowShape, use.rowShape) && meta.scale === use.scale;
    if (!same || meta.bound > use.bound)
      throw new PlanError(
        `dataset ${use.name}: expected its ${meta.rows} rows of shape [${meta.rowShape}], scale ${meta.scale} and bound ${meta.bound}, got ${use.rows}, [${use.rowShape}], ${use.scale} and ${use.bound} in the plan; try recording the plan anew`,
      );
    const { name, batch, stride, shuffle } = use;
    const [epoch, position] = [scalars.get(use.epoch)!, scalars.get(use.position)!];
    const request = { dataset: name, batch, stride, shuffle, epoch, position };
    checkBatch(request, meta.rows);
    requests.set(name, [...(requests.get(name) ?? []), request]);
  }
  for (const uses of requests.values()) checkDistinct(uses);
}

/** The rows of a run are distinct: several uses of one dataset read the same piece or disjoint pieces of one order. */
function checkDistinct(uses: readonly RowRequest[]): void {
  const [first, ...others] = uses;
  const positions = new Set([first!.position]);
  for (const use of others) {
    const where = `dataset ${use.dataset}`;
    if (use.stride !== first!.stride || use.shuffle !== first!.shuffle || use.epoch !== first!.epoch)
      throw new PolicyError(`${where}: expected one order of rows in a run, got two; try one batch size and one epoch`);
    if (positions.has(use.position))
      throw new PolicyError(`${where}: expected distinct rows in a run, got a batch twice; try reading it once`);
    positions.add(use.position);
  }
}

function checkVariables({ plan, caller, catalogue }: RunFacts): void {
  for (const { name, type } of plan.read) {
    const meta = catalogue.get(name);
    if (!meta)
      throw new NameError(`variable ${name}: expected one that was assigned, got none; try assigning it first`);
    if (!sameShape(meta.shape, type.shape) || meta.scale !== type.scale)
      throw new PlanError(
        `variable ${name}: expected shape [${meta.shape}] and scale ${meta.scale}, got [${type.shape}] and ${type.scale} in the plan; try recording the plan anew`,
      );
  }
  for (const { name } of plan.assigned) checkWriter(name, caller, catalogue);
}

/** Callers share a cluster; none may overwrite another's model. */
export function checkWriter(name: string, caller: string, catalogue: ReadonlyMap<string, VariableMeta>): void {
  const writer = catalogue.get(name)?.writer;
  if (writer !== undefined && writer !== caller)
    throw new PolicyError(`variable ${name}: expected its maker ${writer}, got ${caller}; try another name`);
}
