/** What every party knows of a variable; not its value, which is shared. */
import * as v from "valibot";
import type { ValueType } from "../ops/index.js";
import { identityName } from "./cluster.js";
import { natural, planName, runNumber } from "./schemas.js";

export const variableMeta = v.strictObject({
  shape: v.pipe(v.array(natural), v.maxLength(6)),
  scale: v.pipe(natural, v.maxValue(61)),
  bound: v.pipe(natural, v.maxValue(64)),
  /** Everything that ever went into it: "dataset:alice/images", "caller:driver". Whoever they belong to own it together. */
  sources: v.array(planName),
  /** The caller who made it; nobody else may assign or remove it. */
  writer: identityName,
  /** The run that assigned it last. */
  run: runNumber,
});
export type VariableMeta = v.InferOutput<typeof variableMeta>;

/** The owner of an ultimate source. */
export function ownerOfSource(source: string): string {
  const name = source.slice(source.indexOf(":") + 1);
  return source.startsWith("dataset:") ? name.slice(0, name.indexOf("/")) : name;
}

/** The ultimate sources behind the source names of a plan: datasets, the caller's inputs, and what variables came from. */
export function ultimateSources(
  sources: Iterable<string>,
  caller: string,
  catalogue: ReadonlyMap<string, VariableMeta>,
): string[] {
  const found = new Set<string>();
  for (const source of sources) {
    if (source.startsWith("input:")) found.add(`caller:${caller}`);
    else if (source.startsWith("variable:"))
      for (const deeper of catalogue.get(source.slice("variable:".length))?.sources ?? []) found.add(deeper);
    else found.add(source);
  }
  return [...found].sort();
}

/** The catalogue's entry after `caller` assigned a value of this type in this run. */
export function assignedMeta(
  name: string,
  type: ValueType,
  caller: string,
  run: number,
  catalogue: ReadonlyMap<string, VariableMeta>,
): VariableMeta {
  const flows = type.flows.map((flow) => flow.source);
  // What was in it before stays listed: forgetting an owner must take a deliberate `variable.remove`.
  const sources = ultimateSources([...flows, `variable:${name}`], caller, catalogue);
  return { shape: [...type.shape], scale: type.scale, bound: type.bound, sources, writer: caller, run };
}
