/**
 * A party as a process: one TLS port for peers, owners and drivers, and a session with the peers that is made anew
 * whenever it is lost. Not the command, see cli/, and not what a party does, see party.ts.
 */
import { PeerLostError, SessionEndedError } from "../errors.js";
import {
  type Broker,
  type Connection,
  connectTlsMesh,
  type Handlers,
  type Identity,
  type Json,
  type Listener,
  listen,
  type Mesh,
  PeerInbox,
  type Pin,
  serve,
  serveWeb,
  type WebLimits,
} from "../net/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { kernelHash } from "../ring/index.js";
import { groupId, Responder } from "../scale/index.js";
import { type Cluster, indexOfParty } from "./cluster.js";
import type { Limits } from "./limits.js";
import { type Logger, silent } from "./logger.js";
import { methods } from "./methods.js";
import { Party } from "./party.js";
import { canonical, sha256 } from "./schemas.js";
import type { Stores } from "./stores.js";
import { chooseThreads, ringFor, type Threads } from "./threads.js";

export interface DaemonOptions {
  readonly cluster: Cluster;
  /** Certificate and key of one of the parties of the cluster. */
  readonly identity: Identity;
  readonly definition: ProtocolDefinition;
  readonly stores: Stores;
  /** Version of this library; must be equal at all parties. */
  readonly version: string;
  /** Where to listen, if not where the cluster file says (behind a forwarder). */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Where clients of served models connect; undefined: nowhere. Without TLS only on an address of this machine. */
  readonly serve?:
    | {
        readonly host: string;
        readonly port: number;
        /** Of an authority, for browsers; the party's own certificate, which clients pin, if it is not given. */
        readonly identity?: Pick<Identity, "certPem" | "keyPem">;
        readonly insecure?: boolean;
        readonly limits?: Partial<WebLimits>;
      }
    | undefined;
  /** Through which clients also reach served models, at this group or others like it. Closed with the daemon. */
  readonly broker?: Broker | undefined;
  readonly limits?: Partial<Limits>;
  /** Files of a dealer who has dealt ahead, and directories of such. */
  readonly dealt?: readonly string[];
  readonly log?: Logger;
  /** How many threads compute large products. Default: auto. */
  readonly threads?: Threads;
}

/**
 * Pauses between attempts to get all parties together. They grow until all have noticed that the attempt before has
 * failed, however slow the network: only then do their next attempts meet.
 */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** An attempt that waits for a peer is in nobody's way, so it waits long. */
const ATTEMPT_MS = 5_000;
/** The first message of a session lists all grants and datasets. */
const CONTROL_BYTES = 64 * 2 ** 20;
/** Open connections of one user: a few programs at a time, and those that a network has not yet let go of. */
const CONNECTIONS_OF_USER = 16;

export class Daemon {
  readonly party: Party;
  readonly self: number;
  readonly #options: DaemonOptions;
  readonly #log: Logger;
  readonly #inbox = new PeerInbox();
  readonly #users = new Set<Connection>();
  readonly #abort = new AbortController();
  readonly #closeRing: () => Promise<void>;
  #listener: Listener | undefined;
  #web: Listener | undefined;
  #responder: Responder | undefined;
  #closing = false;
  #mesh: Mesh | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: DaemonOptions) {
    const { cluster, identity, definition, stores, version, limits, dealt = [] } = options;
    this.#options = options;
    this.#log = options.log ?? silent;
    this.self = indexOfParty(cluster, identity.name);
    const names = cluster.parties.map(({ name }) => name);
    const choice = chooseThreads(cluster, this.self, options.threads ?? "auto");
    this.#log.info("threads", { ...choice });
    const { ring, close } = ringFor(choice, this.#log);
    this.#closeRing = close;
    this.party = new Party({
      ...{ names, self: this.self, definition, stores, version, ring, dealt, log: this.#log },
      ...(limits ? { limits } : {}),
      // A dealer learns no value, not even one that it is granted.
      identities: new Set([
        ...names.filter((_, party) => party !== definition.dealer),
        ...cluster.users.map(({ name }) => name),
      ]),
      timeoutMs: cluster.timeoutMs,
    });
  }

  /** Listens, and begins to gather the parties. Resolves when callers can connect. */
  async start(): Promise<{ readonly host: string; readonly port: number }> {
    const { cluster, identity } = this.#options;
    const own = this.#options.listen ?? cluster.parties[this.self]!;
    const pins = new Map<string, Pin>([
      ...cluster.parties.map(({ name, pin }, index): [string, Pin] => [pin, { name, role: "party", index }]),
      ...cluster.users.map(({ name, role, pin }): [string, Pin] => [pin, { name, role }]),
    ]);
    this.#listener = await listen(own.host, own.port, identity, pins, (connection) => this.#accept(connection), {
      onRefused: (error) => this.#log.warn("connection refused", { message: error.message }),
    });
    if (this.#options.serve) {
      try {
        this.#web = await this.#serve(this.#options.serve);
      } catch (error) {
        await this.#listener.close();
        throw error;
      }
    }
    if (this.#options.broker) this.#responder = this.#answer(this.#options.broker);
    this.#loop = this.#gather();
    return this.#listener;
  }

  /** Where clients of served models connect. */
  get serving(): { readonly host: string; readonly port: number } | undefined {
    return this.#web && { host: this.#web.host, port: this.#web.port };
  }

  #serve({ host, port, identity, insecure, limits }: NonNullable<DaemonOptions["serve"]>): Promise<Listener> {
    const { gate } = this.party;
    return serveWeb({
      ...{ host, port, path: "/v1", identity: insecure ? undefined : (identity ?? this.#options.identity) },
      ...(limits ? { limits } : {}),
      largestMessage: () => gate.largestMessage,
      connected: (client) => gate.connected(client),
      page: (path, local) => gate.page(path, local),
    });
  }

  #answer(broker: Broker): Responder | undefined {
    const { cluster, identity, definition } = this.#options;
    const { gate } = this.party;
    if (this.self === definition.dealer) return undefined;
    const pins = cluster.parties.filter((_, party) => party !== definition.dealer).map(({ pin }) => pin);
    return new Responder({
      ...{ broker, identity, place: { group: groupId(pins), party: this.self } },
      connected: (client) => gate.connected(client),
      models: () => gate.offered,
      denied: (reason) => gate.denied(reason),
      warn: (message, facts) => this.#log.warn(message, facts),
    });
  }

  /** Answers what was asked, ends the session, makes the variables durable, closes everything. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#responder?.withdraw();
    await this.party.gate.drain();
    this.#abort.abort();
    this.#responder?.close();
    await this.#options.broker?.close();
    const listening = Promise.all([this.#listener?.close(), this.#web?.close()]);
    this.#inbox.close();
    try {
      await this.party.close();
    } finally {
      await this.#closeRing();
    }
    const error = new SessionEndedError("party: expected to go on, got a shutdown; try again later");
    for (const user of this.#users) user.close(error);
    await this.#loop;
    await listening;
  }

  #accept(connection: Connection): void {
    const { peer: name, role } = connection;
    if (this.#abort.signal.aborted) {
      connection.close();
      return;
    }
    if (role === "party") {
      // A peer that dials has no session, whatever we believe.
      this.#mesh?.end(new PeerLostError(`session: expected ${name} to stay connected, got a new connection`, name));
      this.#inbox.offer(connection);
      return;
    }
    const open = [...this.#users].filter(({ peer }) => peer === name).length;
    if (open >= CONNECTIONS_OF_USER) {
      this.#log.warn("connection refused", {
        message: `expected at most ${open} connections of ${name}, got one more`,
      });
      connection.close();
      return;
    }
    this.#users.add(connection);
    const caller = { name, role };
    const handlers: Record<string, Handlers[string]> = {};
    for (const method of Object.keys(methods))
      handlers[method] = async (params, body) => {
        const answer = await this.party.handle(caller, method, params, body);
        return { result: answer.result as Json, ...(answer.body ? { body: answer.body } : {}) };
      };
    serve(connection, handlers, {
      onError: (error, method) => this.#log.error("internal error", { method, error: describe(error) }),
      onClose: () => this.#users.delete(connection),
    });
  }

  /** Session after session, until this daemon is closed. */
  async #gather(): Promise<void> {
    const { signal } = this.#abort;
    for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause)) {
      try {
        const mesh = await this.#unlessClosed(this.#connect());
        this.#mesh = mesh;
        await this.party.attach(mesh);
        pause = FIRST_PAUSE_MS;
        await mesh.ended;
      } catch (error) {
        if (signal.aborted) break;
        this.#mesh?.end(error as Error);
        if (error instanceof PeerLostError) this.party.setMissing(error.peer.split(", "));
        // A party that is not there yet is no news; a wrong key or version, or a broken file, is.
        const level = error instanceof PeerLostError || error instanceof SessionEndedError ? "info" : "error";
        this.#log[level]("no session yet", { error: describe(error) });
        // What came in meanwhile belongs to the attempt that failed; its other end will come again.
        this.#inbox.close();
      }
      this.#mesh = undefined;
      await this.#pause(pause);
    }
  }

  #connect(): Promise<Mesh> {
    const { cluster, identity, definition, version } = this.#options;
    const parties = cluster.parties.map(({ name, pin }) => ({ name, pin }));
    const agreement = {
      library: version,
      kernels: kernelHash,
      protocol: `${definition.name}/64`,
      label: sha256(canonical({ parties, timeoutMs: cluster.timeoutMs })),
      names: parties.map(({ name }) => name),
      self: this.self,
    };
    const peers = cluster.parties.map(({ host, port, pin }, index) =>
      index === this.self ? undefined : { host, port, fingerprint: pin },
    );
    const { timeoutMs } = cluster;
    return connectTlsMesh({
      ...{ agreement, identity, peers, inbox: this.#inbox, timeoutMs },
      connectTimeoutMs: Math.max(timeoutMs, ATTEMPT_MS),
      controlLimitBytes: CONTROL_BYTES,
    });
  }

  /** A shutdown does not wait for peers that may never come. */
  #unlessClosed(connecting: Promise<Mesh>): Promise<Mesh> {
    const { signal } = this.#abort;
    return new Promise((resolve, reject) => {
      const over = () => reject(new SessionEndedError("party: expected to go on, got a shutdown; try again later"));
      signal.addEventListener("abort", over);
      connecting.then(
        (mesh) => {
          signal.removeEventListener("abort", over);
          if (signal.aborted)
            mesh.end(new SessionEndedError("party: expected to go on, got a shutdown; try again later"));
          resolve(mesh);
        },
        (error: Error) => {
          signal.removeEventListener("abort", over);
          reject(error);
        },
      );
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#abort;
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, signal.aborted ? 0 : ms);
      signal.addEventListener("abort", done);
    });
  }
}

/** For the log of this party only. */
function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
