/**
 * A driver's session with the parties: sends plans and the driver's own shared inputs, adds up what is revealed to it.
 * Holds no share of anybody else's data, and computes nothing on secrets.
 */
import { Dataset, type DatasetMeta } from "../data/index.js";
import { InputError, NameError, ScaleError, SessionEndedError, ShapeError } from "../errors.js";
import type { Module } from "../nn/index.js";
import type { PlanEnv } from "../ops/index.js";
import { envOf, type Link, type Plan, type PlanCost, planCost, secondsOnLink } from "../plan/index.js";
import { secureRandom } from "../random/index.js";
import { decode, size } from "../ring/index.js";
import {
  type Closing,
  Graph,
  type GraphHost,
  Plaintext,
  readValues,
  Tensor,
  type Values,
  type Variable,
} from "../tensor/index.js";
import { type CallAll, callAll } from "./caller.js";
import {
  type DeployedModel,
  type Deployer,
  type DeployOptions,
  deployModel,
  listModels,
  type ModelListing,
  withdrawModel,
} from "./deploy.js";
import { type ComparisonCost, compareCosts, describePlan, type PlanDescription, standardLink } from "./describe.js";
import { commonDatasets, commonVariables, type VariableListing } from "./listings.js";
import { quantizedName, quantizePlan } from "./quantize.js";
import type { RunReport } from "./run-answer.js";
import { RunQueue } from "./run-queue.js";
import type { SessionOptions } from "./session-options.js";

const defaultTimeoutMs = 600_000;

export class Session implements GraphHost {
  readonly env: PlanEnv;
  readonly recipient: string;
  readonly revealsAssigned: boolean;
  readonly graph: Graph;
  readonly #all: CallAll;
  readonly #queue: RunQueue;
  #datasets = new Map<string, DatasetMeta>();
  #closed = false;
  /** Where plans go instead of to the parties. */
  #preview: Plan[] | undefined;
  /** First values of variables that were recorded in a preview: they run before the first plan that runs. */
  readonly #unsent: Closing[] = [];

  constructor(readonly options: SessionOptions) {
    const { fraction = 20, integerBits } = options;
    if (!Number.isInteger(fraction) || fraction < 1 || fraction > 24)
      throw new InputError(
        `session: expected 1 to 24 fraction bits, got ${fraction}; try 20 for training or 16 for inference`,
      );
    this.env = envOf({ fraction, ...(integerBits === undefined ? {} : { integerBits }) });
    this.recipient = options.name;
    this.revealsAssigned = options.revealsAssigned ?? false;
    this.graph = new Graph(this);
    const { parties, timeoutMs = defaultTimeoutMs } = options;
    this.#all = (method, make) => callAll(parties, method, make, { timeoutMs });
    this.#queue = new RunQueue(options, this.#all);
  }

  /** What the newest run cost. */
  get lastRun(): RunReport | undefined {
    return this.#queue.lastRun;
  }
  /** The name of the protocol: rep3, additive-2, … */
  get protocol(): string {
    return this.options.definition.name;
  }
  /** Names of the parties; a dealer's is the last. */
  get parties(): string[] {
    return this.options.parties.map((party) => party.name);
  }

  /** Values of your own as a secret tensor: shared on this machine, before anything leaves it. */
  secret(values: Values, shape?: readonly number[]): Tensor {
    const read = readValues(values, shape);
    return new Tensor(this.graph, this.graph.feed(read.data, read.shape));
  }

  /** A dataset that its owner has shared with these parties. */
  dataset(name: string): Dataset {
    const meta = this.#datasets.get(name);
    if (!meta)
      throw new NameError(
        `dataset ${name}: expected one of [${[...this.#datasets.keys()].join(", ")}]; try \`secretgrad share FILE --as ${name}\`, then session.refresh()`,
      );
    return new Dataset(this.graph, meta);
  }
  datasets(): DatasetMeta[] {
    return [...this.#datasets.values()];
  }
  /** Asks the parties again which datasets they hold. Only what all of them hold, alike, counts. */
  async refresh(): Promise<void> {
    const metas = commonDatasets(this.options.parties, await this.#all("dataset.list", () => ({ params: {} })));
    this.#datasets = new Map(metas.map((meta) => [meta.name, meta]));
  }

  /**
   * Goes on with a model that the parties hold from an earlier session instead of initialising it again; to go on with its
   * training, name the optimizer's state, too. Returns how many of the variables they hold; the others start afresh. Throws
   * ScaleError for a model of a session with other fraction bits: see quantize().
   *
   * @example await session.resume([...model.parameters(), ...sgd.state()])
   */
  async resume(variables: readonly Variable[]): Promise<number> {
    const held = await this.#stored();
    let found = 0;
    for (const variable of variables) {
      const known = held.get(variable.name);
      if (!known) continue;
      checkShape("resume", variable, known);
      if (known.scale !== this.env.fraction)
        throw new ScaleError(
          `resume: expected ${variable.name} at ${this.env.fraction} fraction bits, got ${known.scale} at the parties; try session.quantize()`,
        );
      variable.stored = true;
      found++;
    }
    return found;
  }

  /**
   * As resume(), for a model that was trained with other fraction bits: the parties make copies at this session's, named like the
   * variables with ".q10" behind (for 10 bits), which the model reads from here on. What was trained stays as it is. Copies are made
   * anew each time, in words of 64 bits: one truncation of the whole model. Running statistics are copied like parameters: name the
   * model's buffers, too. Throws ShapeError.
   *
   * @example const session = await connect(file, { fraction: 10, integerBits: 8 }); await session.quantize(model.parameters());
   */
  async quantize(variables: readonly Variable[]): Promise<number> {
    await this.flush();
    const held = await this.#stored();
    const found = variables.flatMap((variable) => {
      const known = held.get(variable.name);
      return known ? [{ variable, known }] : [];
    });
    for (const { variable, known } of found) checkShape("quantize", variable, known);
    const { fraction } = this.env;
    const others = found.filter(({ known }) => known.scale !== fraction);
    if (others.length > 0) {
      const plan = quantizePlan(
        this.env,
        others.map(({ known }) => known),
      );
      await this.submit({ plan, scalars: {}, feeds: [], reveals: [] });
      await this.flush();
      for (const { variable } of others) variable.name = quantizedName(variable.name, fraction);
    }
    for (const { variable } of found) variable.stored = true;
    return found.length;
  }

  /** What all parties store, of every driver: models, optimizers' states. */
  async variables(): Promise<VariableListing[]> {
    return [...(await this.#stored()).values()];
  }

  /**
   * Removes variables of yours, by name or as a model has them, at all parties after everything sent has run. What uses
   * them later starts afresh. Throws InputError if the parties lack one, PolicyError if it is another driver's; then none
   * is removed. Durable after save().
   *
   * @example await session.remove([...model.parameters(), ...sgd.state()])
   */
  async remove(variables: readonly (Variable | string)[]): Promise<void> {
    await this.flush();
    const names = variables.map((variable) => (typeof variable === "string" ? variable : variable.name));
    if (names.length === 0) return;
    const request = hex(secureRandom(16));
    await this.#all("variable.remove", () => ({ params: { request, names } }));
    for (const name of names) this.graph.forget(name);
    for (const variable of variables) if (typeof variable !== "string") variable.stored = false;
  }

  /** What a plan would cost with this session's protocol; on a link, and with each way of comparing that there is. */
  cost(
    plan: Plan,
    link: Link = standardLink,
  ): PlanCost & { readonly secondsOnLink: number; readonly comparisons: readonly ComparisonCost[] } {
    const { definition } = this.options;
    const cost = planCost(plan, definition);
    return { ...cost, secondsOnLink: secondsOnLink(cost, link), comparisons: compareCosts(plan, definition, link) };
  }

  /**
   * Runs `record` without running anything at the parties: reveals give zeros. Returns what each plan would reveal and
   * cost, as its owners would see it.
   */
  async preview(record: () => unknown, link?: Link): Promise<PlanDescription[]> {
    await this.flush();
    const plans: Plan[] = [];
    this.#preview = plans;
    try {
      await record();
      await this.graph.close();
    } finally {
      this.#preview = undefined;
    }
    const variables = await this.#stored();
    return plans.map((plan) => describePlan(plan, this.options.definition, variables, link));
  }

  /** Reveals variables, in one run. */
  async reveal(variables: readonly Variable[]): Promise<Plaintext[]> {
    const pending = variables.map((variable) => this.graph.reveal(this.graph.read(variable), { release: "open" }));
    return (await Promise.all(pending)).map(({ words, shape, scale }) => new Plaintext(shape, decode(words, scale)));
  }

  /**
   * Has the parties serve a model to clients who hold no key of the cluster, under a policy: its present weights are copied,
   * shared, so that training on changes nothing. Answers go to the client who asked; nobody else sees input, weights or
   * answer. Durable when it resolves. Where data of others trained the model, their grants for its plans are needed, and
   * one is spent for each batch.
   *
   * Throws NameError if the name is taken, InputError for a policy or a model that cannot be served.
   */
  deploy(name: string, model: Module, options: DeployOptions): Promise<DeployedModel> {
    return deployModel(this.#deployer, name, model, options);
  }
  /** Ends the serving of a model of yours. Its weights are removed. */
  withdraw(name: string): Promise<void> {
    return withdrawModel(this.#deployer, name);
  }
  /** The models that the parties serve, of every driver. */
  deployments(): Promise<ModelListing[]> {
    return listModels(this.#all);
  }
  get #deployer(): Deployer {
    return {
      session: this,
      all: this.#all,
      put: (plan) => this.#queue.put(plan),
    };
  }

  /** Closes the plan being recorded and waits until everything sent has run. */
  async flush(): Promise<void> {
    await this.graph.close();
    await this.#queue.idle();
    this.throwPending();
  }

  /** Makes the newest version of all variables durable at every party. */
  async save(): Promise<void> {
    await this.flush();
    await this.#all("checkpoint", () => ({ params: {} }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.flush();
    } finally {
      this.#closed = true;
      await this.options.close?.();
    }
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toString(): string {
    const { definition, name } = this.options;
    return `${this.constructor.name}(${name} at ${this.parties.join(", ")}; ${definition.name}, ${this.env.fraction} fraction bits)`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /**
   * GraphHost: runs a plan after all earlier ones. Plans get their place in the order of the calls; the call returns
   * when there is room for another one, at most four being in flight. Never throws: errors go to the plan's reveals, or
   * wait for `throwPending`; until somebody has been told of one, nothing more is run.
   */
  async submit(closing: Closing): Promise<void> {
    const { plan, reveals } = closing;
    if (this.#preview) {
      this.#preview.push(plan);
      for (const { shape, resolve } of reveals) resolve(new BigInt64Array(size(shape)));
      if (isInitial(plan)) this.#unsent.push(closing);
      return;
    }
    const error = this.#closed
      ? new SessionEndedError("session: expected an open session, got a closed one; try connect() again")
      : this.#queue.error;
    if (error) {
      this.#queue.refuse(closing, error);
      return;
    }
    for (const initial of this.#unsent.splice(0)) void this.#queue.run(initial);
    await this.#queue.run(closing);
  }

  /** Throws the error of an earlier run that revealed nothing, once. */
  throwPending(): void {
    this.#queue.throwPending();
  }

  async #stored(): Promise<Map<string, VariableListing>> {
    return commonVariables(this.options.parties, await this.#all("variable.list", () => ({ params: {} })));
  }
}

function checkShape(where: string, { name, shape }: Variable, known: VariableListing): void {
  if (known.shape.join() !== shape.join())
    throw new ShapeError(
      `${where}: expected ${name} of shape [${shape}], got [${known.shape}] at the parties; try nn.named()`,
    );
}

/** Gives variables their first values and does nothing else. */
function isInitial(plan: Plan): boolean {
  return plan.nodes.every(({ op }) => ["constant", "secret", "input", "assign"].includes(op));
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
