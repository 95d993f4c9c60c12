/**
 * A driver's session with the parties: sends plans and the driver's own shared inputs, adds up what is revealed to it.
 * Holds no share of anybody else's data, and computes nothing on secrets.
 */
import { type Dataset as DatasetHandle, Dataset, type DatasetMeta } from "../data/index.js";
import { GrantMissingError, InputError, NameError, SessionEndedError } from "../errors.js";
import type { PlanEnv } from "../ops/index.js";
import { planCost, planInputs, type PlanCost, type Plan } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { secureRandom } from "../random/index.js";
import { decode } from "../ring/index.js";
import { type Closing, Graph, type GraphHost, Plaintext, readValues, Tensor, type Values, type Variable } from "../tensor/index.js";
import type { PartyCaller } from "./caller.js";

export interface SessionOptions {
  readonly definition: ProtocolDefinition;
  readonly parties: readonly PartyCaller[];
  /** Whom the parties know this driver as. */
  readonly name: string;
  /** Fraction bits: 20 for training (default), 16 for inference. */
  readonly fraction?: number;
  /** How long a run waits for an owner's grant before it fails. Default 0. */
  readonly waitForGrantsMs?: number;
  /** Called once for each plan that waits for a grant. */
  readonly onWaiting?: (message: string, plan: Plan) => void;
  readonly timeoutMs?: number;
  readonly close?: () => Promise<void>;
}

/** What a run cost, as the parties report it. */
export interface RunReport {
  readonly run: number;
  readonly rounds: number;
  /** Payload bytes sent, by party. */
  readonly bytes: readonly number[];
  readonly seconds: number;
}

const mostInFlight = 4;

export class Session implements GraphHost {
  readonly env: PlanEnv;
  readonly recipient: string;
  readonly graph: Graph;
  /** The newest run's cost. */
  lastRun: RunReport | undefined;
  readonly #known = new Set<string>();
  readonly #inFlight = new Set<Promise<void>>();
  #datasets = new Map<string, DatasetMeta>();
  #order: Promise<void> = Promise.resolve();
  #error: unknown;
  #closed = false;

  constructor(readonly options: SessionOptions) {
    this.env = { fraction: options.fraction ?? 20 };
    this.recipient = options.name;
    this.graph = new Graph(this);
  }

  /** Values of your own as a secret tensor: shared on this machine, before anything leaves it. */
  secret(values: Values, shape?: readonly number[]): Tensor {
    const read = readValues(values, shape);
    return new Tensor(this.graph, this.graph.feed(read.data, read.shape));
  }

  /** A dataset that its owner has shared with these parties. */
  dataset(name: string): DatasetHandle {
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
  /** Asks the parties again which datasets they hold. */
  async refresh(): Promise<void> {
    const { result } = await this.options.parties[0]!.call("dataset.list", {});
    const { datasets } = result as { datasets: DatasetMeta[] };
    this.#datasets = new Map(datasets.map((meta) => [meta.name, meta]));
  }

  /** What a plan would cost with this session's protocol. */
  cost(plan: Plan): PlanCost {
    return planCost(plan, this.options.definition);
  }

  /** Reveals variables, in one run. */
  async reveal(variables: readonly Variable[]): Promise<Plaintext[]> {
    const pending = variables.map((variable) => this.graph.reveal(this.graph.read(variable), { release: "open" }));
    return (await Promise.all(pending)).map(({ words, shape, scale }) => new Plaintext(shape, decode(words, scale)));
  }

  /** Closes the plan being recorded and waits until everything sent has run. */
  async flush(): Promise<void> {
    await this.graph.close();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    this.#throwPending();
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

  /** GraphHost: runs a plan after all earlier ones; at most four are in flight. */
  async submit(closing: Closing): Promise<void> {
    if (this.#closed) throw new SessionEndedError("session: expected an open session, got a closed one; try connect() again");
    while (this.#inFlight.size >= mostInFlight) await Promise.race(this.#inFlight);
    this.#throwPending();
    const sent = this.#order.then(() => this.#put(closing.plan));
    this.#order = sent.catch(() => undefined);
    const run = sent
      .then(() => this.#run(closing))
      .catch((error: unknown) => {
        for (const reveal of closing.reveals) reveal.reject(error);
        if (closing.reveals.length === 0) this.#error ??= error;
      })
      .finally(() => this.#inFlight.delete(run));
    this.#inFlight.add(run);
  }

  #throwPending(): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  async #put(plan: Plan): Promise<void> {
    if (this.#known.has(plan.digest)) return;
    await this.#all("plan.put", () => ({ params: {}, body: plan.bytes }));
    this.#known.add(plan.digest);
  }

  async #run(closing: Closing): Promise<void> {
    const deadline = Date.now() + (this.options.waitForGrantsMs ?? 0);
    let told = false;
    for (;;) {
      try {
        return await this.#attempt(closing);
      } catch (error) {
        if (error instanceof GrantMissingError && Date.now() < deadline) {
          if (!told) this.options.onWaiting?.(error.message, closing.plan);
          told = true;
          await new Promise((resolve) => setTimeout(resolve, 250));
        } else throw error;
      }
    }
  }

  async #attempt({ plan, scalars, feeds, reveals }: Closing): Promise<void> {
    const request = hex(secureRandom(16));
    const bodies = this.#share(plan, feeds);
    const answers = await this.#all("run", (party) => ({
      params: { request, digest: plan.digest, scalars },
      body: bodies[party]!,
    }));
    const reports = answers.map(({ result }) => result as RunAnswer);
    this.lastRun = {
      run: reports[0]!.run,
      rounds: reports[0]!.stats?.rounds ?? 0,
      bytes: reports.map((report) => report.stats?.bytes ?? 0),
      seconds: Math.max(...reports.map((report) => report.stats?.seconds ?? 0)),
    };
    let at = 0;
    for (const { label, bytes } of reports[0]!.reveals) {
      const parts = answers.map(({ body }) => body.subarray(at, at + bytes));
      at += bytes;
      const pending = reveals.find((reveal) => reveal.label === label);
      if (!pending || parts.some((part) => part.length !== bytes))
        throw new InputError(`run: expected parts of ${bytes} bytes for every reveal, got others; the parties disagree`);
      const words = this.options.definition.sharing.combine(parts).slice();
      pending.resolve(new BigInt64Array(words.buffer));
    }
  }

  /** The driver's inputs, shared: for each slot of the plan, each party's seeds and, if it keeps one, the correction. */
  #share(plan: Plan, feeds: Closing["feeds"]): Uint8Array[] {
    const { sharing, parties } = this.options.definition;
    const chunks: Uint8Array[][] = Array.from({ length: parties }, () => []);
    for (const { slot, words } of planInputs(plan)) {
      const feed = feeds.find((candidate) => candidate.slot === slot);
      if (!feed || feed.words.length !== words)
        throw new InputError(`input ${slot}: expected ${words} words, got ${feed?.words.length ?? "none"}`);
      const seeds = sharing.freshSeeds();
      const bytes = new Uint8Array(feed.words.buffer, feed.words.byteOffset, feed.words.byteLength);
      const correction = sharing.correction(seeds, 0, bytes);
      chunks.forEach((list, party) => {
        list.push(...seeds.byParty[party]!);
        if (sharing.keepsCorrection[party]) list.push(correction);
      });
    }
    return chunks.map(join);
  }

  #all(
    method: string,
    make: (party: number) => { params: unknown; body?: Uint8Array },
  ): Promise<{ result: unknown; body: Uint8Array }[]> {
    const { timeoutMs } = this.options;
    return everyOne(
      this.options.parties.map((party, i) => {
        const { params, body } = make(i);
        return party.call(method, params, body, timeoutMs === undefined ? {} : { timeoutMs });
      }),
    );
  }
}

interface RunAnswer {
  readonly run: number;
  readonly reveals: readonly { readonly label: string; readonly bytes: number }[];
  readonly stats?: { readonly rounds: number; readonly bytes: number; readonly seconds: number };
}

/** Waits for all, so that no answer is left unhandled, then throws the most telling error. */
async function everyOne<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(calls);
  const errors = settled.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (errors.length > 0) throw errors.find((error) => !(error instanceof SessionEndedError)) ?? errors[0];
  return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
