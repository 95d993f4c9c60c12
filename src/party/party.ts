/**
 * One party: answers the calls of owners and drivers, and runs plans together with its peers while a session lasts. Not
 * its connections, see daemon.ts: calls come in by `handle`, a session by `attach`.
 */
import { execute } from "../engine/index.js";
import { InputError, NameError, PeerLostError, SessionEndedError, StorageError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { Ring } from "../ring/index.js";
import type { Caller } from "./cluster.js";
import { type Core, RecentSet } from "./core.js";
import { DealtFiles } from "./dealt/files.js";
import type { Outcome } from "./entry.js";
import { Grants } from "./grants.js";
import { Inbox } from "./inbox.js";
import { Ledger } from "./ledger.js";
import { type Limits, standardLimits } from "./limits.js";
import { type Logger, silent } from "./logger.js";
import { checkMethod, checkParams, type Method, type Params } from "./methods.js";
import { CommonPieces } from "./pieces.js";
import { type KnownPlan, Plans } from "./plans.js";
import { deployRequest, removeRequest, runRequest, withdrawRequest } from "./request.js";
import type { Request } from "./requests.js";
import { Deployments } from "./serving/deployments.js";
import { Gate } from "./serving/gate.js";
import { Metrics } from "./serving/metrics.js";
import { Session } from "./session.js";
import type { Stores } from "./stores.js";
import { Uploads } from "./uploads.js";
import { Variables } from "./variables.js";
import { helloView, join, modelListView, planListView, runView, type SessionView, statusView } from "./views.js";

export interface PartyOptions {
  /** Names of all parties, by index. */
  readonly names: readonly string[];
  readonly self: number;
  readonly definition: ProtocolDefinition;
  readonly stores: Stores;
  /** Version of this library, for hello. */
  readonly version: string;
  readonly ring?: Ring;
  /** Names that may receive results; undefined: everybody. */
  readonly identities?: ReadonlySet<string>;
  /** Longest wait for a peer or a caller. Default 30 s. */
  readonly timeoutMs?: number;
  readonly limits?: Partial<Limits>;
  readonly log?: Logger;
  /** Of protocols whose dealer deals ahead: its files for this party, and directories of such. */
  readonly dealt?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The engine; tests put faults in. */
  readonly execute?: typeof execute;
}

export interface Answer {
  readonly result: unknown;
  readonly body?: Uint8Array;
}

/** What one delivery of the inbox may take. */
const INBOX_BYTES = 64 * 2 ** 20;
const REQUESTS_REMEMBERED = 10_000;
const QUERIES_REMEMBERED = 100_000;

export class Party {
  /** Where clients of served models come in. */
  readonly gate: Gate;
  readonly #core: Core;
  readonly #stores: Stores;
  readonly #version: string;
  readonly #uploads: Uploads;
  readonly #common: CommonPieces;
  readonly #started: number;
  #session: Session | undefined;
  #closed = false;
  /** Why there is no session. */
  #missing: readonly string[];

  constructor(options: PartyOptions) {
    const { names, self, definition, stores } = options;
    if (definition.parties !== names.length)
      throw new InputError(
        `party: expected ${definition.parties} parties for ${definition.name}, got ${names.length}; try another protocol`,
      );
    const ring = options.ring ?? new Ring();
    const now = options.now ?? Date.now;
    const limits = { ...standardLimits, ...options.limits };
    const ledger = new Ledger(stores.ledger);
    const to = { definition, names, self, library: options.version };
    const plans = new Plans(definition, limits, now);
    this.#stores = stores;
    this.#version = options.version;
    this.#started = now();
    this.#missing = names.filter((_, party) => party !== self);
    this.#core = {
      ...{ names, self, definition, ring, limits, now },
      plans,
      grants: new Grants(stores.grants, now),
      ledger,
      dealt: new DealtFiles(options.dealt ?? [], to, ledger, options.log ?? silent),
      datasets: stores.datasets,
      variables: new Variables(ring, stores.checkpoints),
      inbox: new Inbox(now, limits.inbox),
      deployments: new Deployments(stores.serving, plans),
      metrics: new Metrics(),
      identities: options.identities,
      timeoutMs: options.timeoutMs ?? 30_000,
      log: options.log ?? silent,
      execute: options.execute ?? execute,
      usedRequests: new RecentSet(REQUESTS_REMEMBERED),
      usedQueries: new RecentSet(QUERIES_REMEMBERED),
    };
    this.gate = new Gate(this.#core);
    this.#uploads = new Uploads(this.#core, () => this.#session);
    this.#common = new CommonPieces(definition, self);
  }

  /** Begins a session; resolves when all parties have agreed where to go on. A session before it ends. */
  async attach(mesh: Mesh): Promise<void> {
    if (this.#closed)
      throw new SessionEndedError("party: expected an open party, got one that was closed; try a new one");
    const before = this.#session;
    before?.mesh.end(new SessionEndedError("session: expected to go on, got a new session with the same parties"));
    await before?.closed;
    const session = new Session(this.#core, mesh);
    this.#session = session;
    this.#missing = [];
    void session.closed.then((error) => this.#down(session, error));
    try {
      await session.start();
      this.gate.attach(session);
    } catch (error) {
      mesh.end(error as Error);
      await session.closed;
      throw error;
    }
  }

  /** Ends the session, if there is one; resolves when nothing of it is under way. */
  async detach(
    error: Error = new SessionEndedError("session: expected to go on, got a shutdown of this party; try again later"),
  ): Promise<void> {
    this.#session?.mesh.end(error);
    await this.#session?.closed;
  }

  /** Ends the session, makes the present variables durable and closes the stores. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.detach();
    try {
      if (this.#core.variables.current.run > 0) await this.#core.variables.checkpoint();
    } finally {
      this.#core.dealt.close();
      this.#stores.close();
    }
  }

  /** Whether runs are possible now. */
  get up(): boolean {
    return this.#session?.up ?? false;
  }
  /** Says which peers a session waits for. */
  setMissing(names: readonly string[]): void {
    this.#missing = names;
  }

  /** Answers one call of an authenticated caller. Throws errors of our classes. */
  async handle(caller: Caller, name: string, params: unknown, body: Uint8Array = new Uint8Array()): Promise<Answer> {
    const method = checkMethod(name, caller);
    try {
      return await this.#dispatch(method, caller, checkParams(method, params), body);
    } catch (error) {
      // The caller can do nothing about it, and does not learn where the file lies; the cause says that.
      if (error instanceof StorageError) {
        const { message, cause } = error;
        this.#core.log.error("storage failed", { method, message, ...(cause ? { cause: String(cause) } : {}) });
      }
      throw error;
    }
  }

  async #dispatch(method: Method, caller: Caller, params: unknown, body: Uint8Array): Promise<Answer> {
    const given = <M extends Method>(_: M) => params as Params<M>;
    const { grants, inbox, plans, variables, datasets } = this.#core;
    const done: Answer = { result: {} };
    switch (method) {
      case "hello":
        return { result: helloView(caller, this.#core, this.#view, this.#version) };
      case "status":
        return { result: statusView(this.#core, this.#view, this.#core.now() - this.#started) };
      case "dataset.begin":
        this.#uploads.begin(caller, given(method).meta, body);
        return done;
      case "dataset.append":
        this.#uploads.append(caller, given(method).name, given(method).offset, body);
        return done;
      case "dataset.commit":
        await this.#uploads.commit(caller, given(method).name, given(method).digest);
        return done;
      case "dataset.publish":
        await this.#uploads.publish(caller, given(method).name);
        return done;
      case "dataset.abort":
        await this.#uploads.abort(caller, given(method).name);
        return done;
      case "dataset.remove":
        this.#uploads.remove(caller, given(method).name, this.#view.unfinished > 0);
        return done;
      case "dataset.list":
        return { result: { datasets: datasets.list() } };
      case "plan.put":
        return { result: { digest: plans.put(caller.name, body).digest } };
      case "plan.list":
        return { result: { plans: planListView(plans.list()) } };
      case "plan.get": {
        const plan = this.#findPlan(given(method).digest);
        return { result: { digest: plan.digest }, body: plan.plan.bytes };
      }
      case "grant.put":
        grants.put(caller.name, given(method));
        return done;
      case "grant.revoke":
        grants.revoke(caller.name, given(method).id);
        return done;
      case "grant.list":
        return { result: { grants: grants.list(caller) } };
      case "run":
        return runView(await this.#run(caller, given(method), body));
      case "inbox.take": {
        const taken = inbox.take(caller.name, INBOX_BYTES);
        const entries = taken.map(({ run, label, bytes }) => ({ run, label, bytes: bytes.length }));
        return { result: { entries }, body: join(taken.map(({ bytes }) => bytes)) };
      }
      case "variable.list": {
        const list = [...variables.catalogue].map(([name, meta]) => ({ name, ...meta }));
        return { result: { version: variables.current.run, variables: list } };
      }
      case "variable.remove": {
        const session = this.#live();
        const { run } = await this.#submit(session, given(method).request, () => removeRequest(caller, given(method)));
        return { result: { run } };
      }
      case "model.deploy": {
        const { request } = given(method);
        const make = () => deployRequest(caller, given(method), this.#core);
        return { result: { version: (await this.#submit(this.#live(), request, make)).run } };
      }
      case "model.withdraw": {
        const { request } = given(method);
        await this.#submit(this.#live(), request, () => withdrawRequest(caller, given(method)));
        return done;
      }
      case "model.list":
        return { result: { models: modelListView(this.#core.deployments.list()) } };
      case "checkpoint":
        return { result: { run: await this.#live().runs.checkpoint() } };
    }
  }

  #run(caller: Caller, params: Params<"run">, body: Uint8Array): Promise<Outcome> {
    const session = this.#live();
    return this.#submit(session, params.request, () =>
      runRequest(caller, params, body, this.#core, session, this.#common),
    );
  }

  #submit({ runs }: Session, id: string, make: () => Request): Promise<Outcome> {
    let request: Request;
    try {
      request = make();
    } catch (error) {
      runs.requests.refuse(id, error);
      throw error;
    }
    return runs.requests.submit(request);
  }

  #live(): Session {
    const session = this.#session;
    if (!session?.up) {
      const missing = this.#missing.length > 0 ? `${this.#missing.join(", ")} missing` : "a session that is starting";
      throw new SessionEndedError(
        `session: expected all parties to be connected, got ${missing}; try again in a moment`,
      );
    }
    return session;
  }

  #down(session: Session, error: Error): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    const { names, self, log } = this.#core;
    this.#missing = error instanceof PeerLostError ? [error.peer] : names.filter((_, party) => party !== self);
    log.warn("session has ended", { reason: error.name, message: error.message });
  }

  get #view(): SessionView {
    const session = this.#session;
    const unfinished = session?.up ? session.runs.unfinished : 0;
    return { up: this.up, missing: this.#missing, unfinished, mesh: session?.mesh };
  }

  #findPlan(digest: string): KnownPlan {
    if (digest.length === 64) return this.#core.plans.get(digest);
    const found = this.#core.plans.list().filter((plan) => plan.digest.startsWith(digest));
    if (found.length !== 1)
      throw new NameError(
        `plan ${digest}: expected one plan that begins so, got ${found.length}; try the whole digest`,
      );
    return found[0]!;
  }
}
