/**
 * How a driver has a model served: its weights stored at the parties under names of their own, its plans for several numbers of
 * rows recorded, and both handed over with a policy. Not the serving, which the parties do (party/serving), nor asking.
 */
import * as v from "valibot";
import { GrantMissingError, InputError, NameError } from "../errors.js";
import type { Module, Parameter } from "../nn/index.js";
import { share } from "../ops/build.js";
import { checkOptions } from "../options.js";
import { type Plan, planCost, planReveals, wordBytesOf } from "../plan/index.js";
import { secureRandom } from "../random/index.js";
import type { Invitation } from "../serving/invitation.js";
import { makePolicy, type PolicyOptions, parsePolicyFile } from "../serving/policy.js";
import { type Closing, Graph, Tensor, Variable } from "../tensor/index.js";
import type { CallAll } from "./caller.js";
import { parse } from "./listings.js";
import type { Session } from "./session.js";

export interface DeployOptions {
  /** The shape of one input: [784], [28, 28, 1]. */
  readonly input: readonly number[];
  /** Who may ask how often for what, as an object or as the text of a TOML file. */
  readonly policy: PolicyOptions | string;
  /** Names of the classes, by position. */
  readonly classes?: readonly string[];
  /** Most queries that are evaluated together: a power of two up to 1024. Default 128. */
  readonly largestBatch?: number;
}
export interface DeployedModel {
  readonly name: string;
  readonly version: number;
  /**
   * What each client of the policy is to be given, its token in it, which nobody else keeps. Without addresses if the cluster
   * file says nowhere where clients connect.
   */
  readonly invitations: ReadonlyMap<string, Invitation>;
  /** What a query that is evaluated alone costs the members: bytes sent by each, a dealer being the last. */
  readonly cost: { readonly rounds: number; readonly bytes: readonly number[] };
}

const listing = v.object({
  models: v.array(
    v.object({
      name: v.string(),
      version: v.number(),
      owner: v.string(),
      input: v.array(v.number()),
      output: v.object({ kind: v.picklist(["scores", "class"]), shape: v.array(v.number()) }),
      asked: v.number(),
      queries: v.optional(v.number()),
      clients: v.array(
        v.object({
          name: v.string(),
          asked: v.number(),
          queries: v.optional(v.number()),
          perMinute: v.optional(v.number()),
          expires: v.optional(v.string()),
        }),
      ),
    }),
  ),
});
export type ModelListing = v.InferOutput<typeof listing>["models"][number];

/** What deploying needs of its session. */
export interface Deployer {
  readonly session: Session;
  readonly all: CallAll;
  put(plan: Plan): Promise<void>;
}

const prefixOf = (name: string): string => `deployments/${name}/`;
const GRANT_POLL_MS = 200;
const idText = () => Buffer.from(secureRandom(16)).toString("hex");

/** Throws NameError if the name is taken, GrantMissingError where owners of training data have not agreed. */
export async function deployModel(
  { session, all, put }: Deployer,
  name: string,
  model: Module,
  options: DeployOptions,
): Promise<DeployedModel> {
  checkOptions("deploy", options, { input: true, policy: true, classes: true, largestBatch: true });
  const { input, classes, largestBatch = 128 } = options;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(name))
    throw new InputError(`deploy: expected a name of letters, digits and ._-, got ${JSON.stringify(name)}; try digits`);
  if (!Number.isInteger(Math.log2(largestBatch)) || largestBatch < 1 || largestBatch > 1024)
    throw new InputError(
      `deploy ${name}: expected a power of two from 1 to 1024 as batch, got ${largestBatch}; try 128`,
    );
  const { definition, parties } = session.options;
  const file = typeof options.policy === "string" ? parsePolicyFile(options.policy) : options.policy;
  const { policy, tokens } = await makePolicy(
    file,
    parties.length - (definition.dealer === undefined ? 0 : 1),
    secureRandom,
  );
  // Else the weights of the one that is served would be overwritten before the parties refuse.
  if ((await listModels(all)).some((known) => known.name === name))
    throw new NameError(`deploy: expected a new name, got ${name}, which is served; try session.withdraw("${name}")`);

  const { training } = model;
  model.eval();
  try {
    const parameters = new Map([...model.named].map(([path, parameter]) => [parameter, `${prefixOf(name)}${path}`]));
    const rows = Array.from({ length: Math.log2(largestBatch) + 1 }, (_, i) => 2 ** i);
    const recorded = rows.map((count) => ({ count, ...record(session, name, model, parameters, count, options) }));
    await session.flush();
    for (const [parameter, copy] of parameters) keep(session, parameter, copy);
    await session.save();
    for (const { plan } of recorded) await put(plan);
    const { output } = recorded[0]!;
    const description = {
      ...{ name, fraction: session.env.fraction, input, output, policy },
      ...(classes ? { classes } : {}),
      batches: recorded.map(({ count, plan }) => ({ rows: count, digest: plan.digest })),
    };
    const answers = await granted(session, recorded[0]!.plan, () => {
      const request = idText();
      return all("model.deploy", () => ({ params: { request, description } }));
    });
    const { version } = parse(v.object({ version: v.number() }), answers[0]!.result, "model.deploy");
    const places = (session.options.serving ?? []).map((place) => ({ ...place }));
    const invitations = new Map(
      [...tokens].map(([client, token]) => [client, { model: name, parties: places, token }] as const),
    );
    const { rounds, bytes } = planCost(recorded[0]!.plan, definition);
    return { name, version, invitations, cost: { rounds, bytes } };
  } finally {
    model.train(training);
  }
}

/** Asks again while owners of training data may still agree, as long as the session waits for grants. */
async function granted<T>({ options }: Session, plan: Plan, ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + (options.waitForGrantsMs ?? 0);
  for (let told = false; ; told = true) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GrantMissingError) || Date.now() >= deadline) throw error;
      if (!told) options.onWaiting?.(error.message, plan);
      await new Promise((resolve) => setTimeout(resolve, GRANT_POLL_MS));
    }
  }
}

/** It is served no more, and its weights go. */
export async function withdrawModel({ session, all }: Deployer, name: string): Promise<void> {
  const request = idText();
  await all("model.withdraw", () => ({ params: { request, name } }));
  const stored = (await session.variables()).filter((variable) => variable.name.startsWith(prefixOf(name)));
  await session.remove(stored.map((variable) => variable.name));
  await session.save();
}

/** Models that all parties serve. */
export async function listModels(all: CallAll): Promise<ModelListing[]> {
  const lists = (await all("model.list", () => ({ params: {} }))).map(
    ({ result }) => parse(listing, result, "model.list").models,
  );
  const [first, ...others] = lists;
  return first!.filter(({ name, version }) =>
    others.every((list) => list.some((other) => other.name === name && other.version === version)),
  );
}

interface Output {
  readonly shape: readonly number[];
  readonly scale: number;
  readonly bits: number;
}

/** The plan for so many rows, reading the copies of the weights. */
function record(
  session: Session,
  name: string,
  model: Module,
  parameters: ReadonlyMap<Parameter, string>,
  rows: number,
  { input, policy }: DeployOptions,
): { plan: Plan; output: Output } {
  const { env } = session;
  const graph = new Graph({ env, recipient: `clients.${name}`, submit: nowhere });
  const names = [...parameters].map(([parameter]) => [parameter, parameter.name] as const);
  for (const [parameter, copy] of parameters) parameter.name = copy;
  try {
    const b = graph.recorder;
    const x = b.node("input", [], {
      slot: "x",
      shape: [rows, ...input],
      scale: env.fraction,
      bound: env.fraction + env.integerBits,
    });
    const y = model(new Tensor(graph, x));
    const { reveal = "class" } = typeof policy === "string" ? parsePolicyFile(policy) : policy;
    if (y.shape[0] !== rows || (reveal === "class" && y.shape.length !== 2))
      throw new InputError(
        `deploy ${name}: expected ${reveal === "class" ? "scores of shape [rows, classes]" : "a row of output for each of input"}, got [${y.shape}] for ${rows} rows; try reveal = "scores"`,
      );
    const out = share(b, reveal === "class" ? y.argmax(1).ref : y.ref);
    b.node("reveal", [out], { label: "y", release: "open", recipients: [`clients.${name}`] });
    const plan = b.close();
    // Typed anew, if a value did not fit into a smaller ring.
    const { shape, scale } = planReveals(plan)[0]!.type;
    return { plan, output: { shape: shape.slice(1), scale, bits: 8 * wordBytesOf(plan) } };
  } finally {
    for (const [parameter, original] of names) parameter.name = original;
  }
}

const nowhere = async (_: Closing): Promise<void> => {
  throw new InputError(
    "deploy: expected a model that only computes, got one that reveals; try a model without reveal()",
  );
};

/** The parameter's present value under another name: what is trained later does not change what is served. */
function keep({ graph }: Session, parameter: Parameter, name: string): void {
  // An earlier attempt may have been refused.
  graph.forget(name);
  const copy = new Variable(name, parameter.shape, parameter.initial, parameter.integerBits);
  if (parameter.stored) {
    copy.stored = true;
    graph.write(copy, graph.read(parameter));
  } else graph.read(copy);
}
