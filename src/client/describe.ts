/**
 * A plan in words that its owners can judge: what it would reveal, of what, to whom, and what it costs. Read from the
 * plan itself, never from what a driver or a party says about it.
 */
import {
  type Link,
  type Plan,
  planCost,
  planDatasets,
  planInputs,
  planReveals,
  planScalars,
  planVariables,
  secondsOnLink,
} from "../plan/index.js";
import type { Comparison, ProtocolDefinition } from "../protocol/index.js";
import type { VariableListing } from "./listings.js";

export interface RevealDescription {
  readonly label: string;
  /** open: the value itself; count, meanLoss: one number pooled over the rows. */
  readonly release: string;
  readonly recipients: readonly string[];
  /** The fewest rows of a dataset that it pools; 0 if it depends on datasets only through a model. */
  readonly rows: number;
  readonly shape: readonly number[];
  /** Datasets and drivers whose data it depends on: "dataset:alice/images", "caller:driver", "input:x0". */
  readonly sources: readonly string[];
  /** Owners who must agree. */
  readonly owners: readonly string[];
}
export interface ComparisonCost {
  readonly comparison: Comparison;
  readonly rounds: number;
  readonly bytesPerParty: readonly number[];
  readonly secondsOnLink: number;
}
export interface PlanDescription {
  readonly digest: string;
  readonly fraction: number;
  /** Results are declared to stay below 2^integerBits. */
  readonly integerBits: number;
  /** Of the ring: 32 where all numbers fit, else 64. */
  readonly wordBits: 64 | 32;
  readonly reveals: readonly RevealDescription[];
  readonly datasets: readonly {
    readonly name: string;
    readonly rows: number;
    readonly of: number;
    readonly shuffled: boolean;
  }[];
  /** Stored values that it reads, with the datasets and drivers whose data went into each so far. */
  readonly variables: readonly { readonly name: string; readonly sources: readonly string[] }[];
  readonly inputs: readonly { readonly slot: string; readonly shape: readonly number[] }[];
  /** Numbers that the driver chooses anew for each run, for everybody to see. */
  readonly scalars: readonly string[];
  /** Names of variables that it changes. */
  readonly assigns: readonly string[];
  readonly nodes: number;
  /** Nodes by operator. */
  readonly operators: Readonly<Record<string, number>>;
  readonly rounds: number;
  /** What each member sends; a dealer's is the last. */
  readonly bytesPerParty: readonly number[];
  /** Of protocols with a dealer: what of that the dealer sends. */
  readonly dealerBytes?: number;
  readonly link: Link;
  /** What communication alone takes on that link. */
  readonly secondsOnLink: number;
  /** The same with each way of comparing, where the protocol has several. */
  readonly comparisons?: readonly ComparisonCost[];
  /** Values whose bound is declared, not proved. */
  readonly unproved: number;
  /** What functions take values to be, where no bound says so: "log: 0 < x < 2^15". Only to who recorded the plan. */
  readonly assumed: readonly string[];
}

/** The default for estimates: two data centres of one country. */
export const standardLink: Link = { roundTripMs: 10, megabitsPerSecond: 1000 };

export function describePlan(
  plan: Plan,
  definition: ProtocolDefinition,
  variables: ReadonlyMap<string, VariableListing> = new Map(),
  link: Link = standardLink,
): PlanDescription {
  const cost = planCost(plan, definition);
  const ultimate = (source: string): readonly string[] => {
    if (!source.startsWith("variable:")) return [source];
    return variables.get(source.slice("variable:".length))?.sources ?? [source];
  };
  const { read, assigned } = planVariables(plan);
  const reveals = planReveals(plan).map(({ label, release, recipients, rows = 0, flows, type }) => {
    const sources = [...new Set(flows.flatMap((flow) => ultimate(flow.source)))].sort();
    const owners = [...new Set(sources.flatMap((source) => ownerOf(source) ?? []))];
    return { label, release, recipients, rows, shape: type.shape, sources, owners };
  });
  return {
    digest: plan.digest,
    ...plan.env,
    reveals,
    datasets: planDatasets(plan).map(({ name, batch, rows, shuffle }) => ({
      name,
      rows: batch,
      of: rows,
      shuffled: shuffle,
    })),
    variables: read.map(({ name }) => ({ name, sources: ultimate(`variable:${name}`) })),
    inputs: planInputs(plan).map(({ slot, type }) => ({ slot, shape: type.shape })),
    scalars: planScalars(plan).flatMap(({ slot, kind }) => (kind === "number" ? [slot] : [])),
    assigns: assigned.map(({ name }) => name),
    nodes: plan.nodes.length,
    operators: Object.fromEntries(Object.entries(cost.perOperator).map(([op, { nodes }]) => [op, nodes])),
    rounds: cost.rounds,
    bytesPerParty: cost.bytes,
    ...(definition.dealer === undefined ? {} : { dealerBytes: cost.bytes[definition.dealer]! }),
    link,
    secondsOnLink: secondsOnLink(cost, link),
    ...(definition.comparisons ? { comparisons: compareCosts(plan, definition, link) } : {}),
    unproved: cost.unproved.length,
    assumed: [...new Set(cost.assumed.map(({ what }) => what))],
  };
}

/** What a plan costs with each way of comparing that its protocol has; none where there is no choice. */
export function compareCosts(plan: Plan, definition: ProtocolDefinition, link: Link): ComparisonCost[] {
  return Object.entries(definition.comparisons ?? {}).map(([comparison, costs]) => {
    const cost = planCost(plan, definition, costs);
    const { rounds, bytes } = cost;
    return {
      comparison: comparison as Comparison,
      rounds,
      bytesPerParty: bytes,
      secondsOnLink: secondsOnLink(cost, link),
    };
  });
}

/** The owner of an ultimate source; undefined for a run's own inputs and for variables that nobody knows yet. */
export function ownerOf(source: string): string | undefined {
  if (source.startsWith("dataset:")) return source.slice("dataset:".length).split("/")[0];
  if (source.startsWith("caller:")) return source.slice("caller:".length);
  return undefined;
}
