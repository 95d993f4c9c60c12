/**
 * What the parties say they hold, compared: a client works only with what all of them hold alike, so that a single
 * party cannot make it believe anything. Not a proof against parties that collude.
 */
import * as v from "valibot";
import { type DatasetMeta, metaDigest, parseDatasetMeta } from "../data/index.js";
import { FrameError } from "../errors.js";
import type { CallResult, PartyCaller } from "./caller.js";

type Named = Pick<PartyCaller, "name">;

/** Datasets that every party lists with equal metadata, by name. */
export function commonDatasets(parties: readonly Named[], answers: readonly CallResult[]): DatasetMeta[] {
  const lists = answers.map(({ result }, i) => {
    const where = `dataset.list of ${parties[i]!.name}`;
    const { datasets } = parse(v.object({ datasets: v.array(v.unknown()) }), result, where);
    return new Map(datasets.map((each) => parseDatasetMeta(each, where)).map((meta) => [meta.name, meta]));
  });
  const [first, ...others] = lists;
  const names = parties.map((party) => party.name).join();
  return [...first!.values()]
    .filter((meta) => meta.parties.join() === names)
    .filter((meta) =>
      others.every((list) => {
        const other = list.get(meta.name);
        return other !== undefined && metaDigest(other) === metaDigest(meta);
      }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface VariableListing {
  readonly name: string;
  readonly shape: readonly number[];
  /** Fraction bits. */
  readonly scale: number;
  /** |word| < 2^bound, as was declared or proved when it was assigned. */
  readonly bound: number;
  /** Everything that any party says went into it. */
  readonly sources: readonly string[];
}
const variables = v.object({
  variables: v.array(
    v.object({
      name: v.string(),
      shape: v.array(v.number()),
      scale: v.number(),
      bound: v.number(),
      sources: v.optional(v.array(v.string()), []),
    }),
  ),
});

/** Variables that every party lists with one shape, scale and bound, by name, with the union of the sources that they report. */
export function commonVariables(
  parties: readonly Named[],
  answers: readonly CallResult[],
): Map<string, VariableListing> {
  const lists = answers.map(
    ({ result }, i) =>
      new Map(
        parse(variables, result, `variable.list of ${parties[i]!.name}`).variables.map((each) => [each.name, each]),
      ),
  );
  const common = new Map<string, VariableListing>();
  for (const [name, first] of lists[0]!) {
    const { shape, scale, bound } = first;
    const all = lists.map((list) => list.get(name));
    const alike = (each: typeof first | undefined) =>
      each?.shape.join() === shape.join() && each.scale === scale && each.bound === bound;
    if (!all.every(alike)) continue;
    const sources = [...new Set(all.flatMap((each) => each!.sources))].sort();
    common.set(name, { name, shape, scale, bound, sources });
  }
  return common;
}

/** Checks a party's answer; the message names the party and what is wrong with it. */
export function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown, where: string): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new FrameError(
    `${where}: expected ${issue.expected ?? issue.message} at ${v.getDotPath(issue) ?? "the top"}, got ${issue.received}; try the same release`,
  );
}
