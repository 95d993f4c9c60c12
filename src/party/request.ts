/** Makes a Request of the parameters and the body of a call: checks its form, hashes what must be equal at all parties. */
import { InputError } from "../errors.js";
import type { Caller } from "./cluster.js";
import type { Core } from "./core.js";
import { readInputs, seedsAt } from "./inputs.js";
import type { Params } from "./methods.js";
import type { CommonPieces, Pieces } from "./pieces.js";
import { checkScalars } from "./policy.js";
import type { Request } from "./requests.js";
import { canonical, sha256 } from "./schemas.js";
import type { Session } from "./session.js";
import { datasetLabel } from "./uploads.js";

/** A request to run a plan. */
export function runRequest(
  { name: caller }: Caller,
  params: Params<"run">,
  body: Uint8Array,
  core: Core,
  session: Session,
  common: CommonPieces,
): Request {
  const { request: id, digest, checkpoint, profile } = params;
  const plan = core.plans.get(digest);
  const scalars = new Map(Object.entries(params.scalars));
  checkScalars(plan, scalars);
  const keeps = Boolean(core.definition.sharing.keepsCorrection[core.self]);
  const inputs = readInputs(plan.inputs, seedsAt(core.definition, core.self), keeps, body);
  const args = sha256(canonical({ kind: "plan", digest, caller, checkpoint, scalars: params.scalars }));
  // The tag covers the datasets, too: an owner could have shared one inconsistently.
  const datasets = [...new Set(plan.datasets.map(({ name }) => name))].map((name) => core.datasets.get(name));
  const label = [id, args, ...datasets.map(({ meta }) => datasetLabel(meta))].join(" ");
  const pieces: Pieces[] = [
    ...[...inputs.values()].map((input) => input.pieces),
    ...datasets.map(({ stored, correctionDigest }) => ({
      seeds: stored.seeds,
      correction: correctionDigest === undefined ? undefined : Buffer.from(correctionDigest, "hex"),
    })),
  ];
  const tags = new Map<number, string>();
  const tag = (peer: number): string => {
    const known = tags.get(peer) ?? common.tag(peer, session.inputKeys[peer]!, label, pieces);
    tags.set(peer, known);
    return known;
  };
  const inputBytes = body.length;
  return { id, caller, kind: "plan", args, plan, scalars, inputs, inputBytes, names: [], checkpoint, profile, tag };
}

/** A request to serve a model. Its plans were sent before. */
export function deployRequest({ name: caller }: Caller, params: Params<"model.deploy">, { plans }: Core): Request {
  const { request: id, description } = params;
  const made = new Map(description.batches.map(({ rows, digest }) => [rows, plans.get(digest)]));
  const args = sha256(canonical({ kind: "deploy", caller, description }));
  return { id, caller, kind: "deploy", args, deploy: { description, plans: made }, tag: () => args, ...nothing };
}

/** A request to serve a model no more. */
export function withdrawRequest({ name: caller }: Caller, { request: id, name }: Params<"model.withdraw">): Request {
  const args = sha256(canonical({ kind: "withdraw", caller, name }));
  return { id, caller, kind: "withdraw", args, withdraw: name, tag: () => args, ...nothing };
}

/** A request to remove variables. */
export function removeRequest({ name: caller }: Caller, { request: id, names }: Params<"variable.remove">): Request {
  if (new Set(names).size !== names.length)
    throw new InputError("variable.remove: expected each name once, got one twice; try listing it once");
  const args = sha256(canonical({ kind: "remove", caller, names }));
  return { id, caller, kind: "remove", args, tag: () => args, ...nothing, names };
}

const nothing = { scalars: new Map(), inputs: new Map(), inputBytes: 0, names: [], checkpoint: false };
