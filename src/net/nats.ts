/**
 * A broker that is a NATS server, or a cluster of them: queue groups pick who answers. The client library is an optional peer
 * dependency, loaded when a server is named. Not the subjects and messages, see scale/.
 */
import type { Msg, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { InputError, UnavailableError } from "../errors.js";
import { type Answerer, type Broker, EmbeddedBroker, nobody, tooLate } from "./broker.js";

const PACKAGE = "@nats-io/transport-node";
/** Between two signs of life: a server whose machine is gone is noticed after three. */
const PING_MS = 2_000;
const RECONNECT_MS = 250;
const CLOSE_MS = 1_000;

/** Where askers take answers; one to anywhere else would have this party say to others what it may not. */
const INBOX = /^_INBOX(\.[A-Za-z0-9_-]{1,64}){2,3}$/;

/** What whoever runs a party should hear: waiting, too, while there is no server at all. */
export type BrokerState = "connected" | "lost" | "refused" | "waiting";
/** `about`: the server's address without a user, or what it said. */
export type OnBrokerState = (state: BrokerState, about: { readonly server?: string; readonly why?: string }) => void;
/** How long to be patient before telling that there is no server, and how often to tell it again. */
const PATIENCE_MS = 3_000;
const REMINDER_MS = 60_000;

let embedded: Broker | undefined;

/**
 * Connects to "nats://HOST:PORT" or "tls://HOST:PORT" (also "nats://USER:PASSWORD@HOST:PORT", and several, with commas);
 * undefined: the one broker of this process. Connects again by itself, without end. A user's answers come to _INBOX.USER.>, which
 * the server can keep from others.
 *
 * Throws InputError if the client library is not installed or an address is none, and UnavailableError if no server is there,
 * unless `wait`: then it connects when one is.
 */
export async function openBroker(
  server: string | undefined,
  { wait = false, onState }: { readonly wait?: boolean; readonly onState?: OnBrokerState } = {},
): Promise<Broker> {
  if (server === undefined) {
    embedded ??= new EmbeddedBroker();
    return embedded;
  }
  const options = optionsOf(server);
  const nats = await load();
  const connecting = nats.connect({ ...options, waitOnFirstConnect: wait });
  const broker = new NatsBroker(connecting, nats);
  if (onState) void watch(connecting, onState);
  if (wait) return broker;
  try {
    await connecting;
    return broker;
  } catch (cause) {
    // Not the address, which may hold a password.
    const why = cause instanceof Error ? cause.message : "an error";
    throw new UnavailableError(`broker: expected a NATS server, got ${why}; try again when it runs`, 1000, { cause });
  }
}

async function watch(connecting: Promise<NatsConnection>, onState: OnBrokerState): Promise<void> {
  let reminder = setTimeout(function remind() {
    onState("waiting", { why: "no server that lets this user in" });
    reminder = setTimeout(remind, REMINDER_MS).unref();
  }, PATIENCE_MS).unref();
  try {
    const connection = await connecting;
    clearTimeout(reminder);
    onState("connected", { server: connection.getServer() });
    for await (const status of connection.status()) {
      if (status.type === "disconnect") onState("lost", { server: status.server });
      else if (status.type === "reconnect") onState("connected", { server: status.server });
      else if (status.type === "error") onState("refused", { why: status.error.message });
    }
  } catch {
    // Whoever waits for the connection is told.
  } finally {
    clearTimeout(reminder);
  }
}

type Nats = typeof import("@nats-io/transport-node");

async function load(): Promise<Nats> {
  try {
    return (await import(PACKAGE)) as Nats;
  } catch (cause) {
    throw new InputError(
      `broker: expected the package ${PACKAGE}, got none; try npm install ${PACKAGE}, or a model whose parties are asked directly`,
      { cause },
    );
  }
}

function optionsOf(server: string): NodeConnectionOptions {
  const urls = server.split(",").map((text) => {
    if (!URL.canParse(text) || !/^(nats|tls):$/.test(new URL(text).protocol))
      throw new InputError("broker: expected nats://HOST:PORT or tls://HOST:PORT, got something else");
    return new URL(text);
  });
  const [first] = urls;
  const { username: user, password, protocol } = first!;
  if (!/^[A-Za-z0-9_-]{0,64}$/.test(user))
    throw new InputError("broker: expected a user of letters, digits, - and _, got another; try another name");
  return {
    servers: urls.map(({ host }) => host),
    ...(user === "" ? {} : { user, pass: decodeURIComponent(password), inboxPrefix: `_INBOX.${user}` }),
    ...(protocol === "tls:" ? { tls: {} } : {}),
    ...{ name: "secretgrad", maxReconnectAttempts: -1, reconnectTimeWait: RECONNECT_MS },
    ...{ pingInterval: PING_MS, maxPingOut: 3, ignoreAuthErrorAbort: true },
  };
}

class NatsBroker implements Broker {
  readonly #connecting: Promise<NatsConnection>;
  readonly #nats: Nats;
  #connection: NatsConnection | undefined;
  #closed = false;

  constructor(connecting: Promise<NatsConnection>, nats: Nats) {
    this.#nats = nats;
    this.#connecting = connecting;
    connecting.then(
      (connection) => {
        this.#connection = connection;
        if (this.#closed) void connection.close();
      },
      // Whoever waits for it is told.
      () => undefined,
    );
  }

  get largest(): number {
    return this.#connection?.info?.max_payload ?? 0;
  }

  async request(subject: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { RequestError, NoRespondersError, TimeoutError } = this.#nats;
    try {
      const connection = await this.#connecting;
      const { largest } = this;
      if (largest > 0 && message.length > largest)
        throw new InputError(
          `broker: expected a message of at most ${largest} bytes, got ${message.length}; try max_payload in the server's configuration`,
        );
      const { data } = await connection.request(subject, message, { timeout: timeoutMs });
      return data;
    } catch (error) {
      if (error instanceof InputError) throw error;
      if (error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders()))
        throw nobody(subject);
      if (error instanceof TimeoutError) throw tooLate(subject, timeoutMs);
      throw new UnavailableError("broker: expected a connection to the server, got none; try later", 500, {
        cause: error,
      });
    }
  }

  answer(subject: string, answerer: Answerer, queue?: string): () => void {
    let ended = false;
    let end = () => {
      ended = true;
    };
    this.#connecting.then(
      (connection) => {
        if (ended || connection.isClosed()) return;
        const subscription = connection.subscribe(subject, {
          ...(queue === undefined ? {} : { queue }),
          callback: (error, message) => {
            if (!error) void this.#respond(message, answerer);
          },
        });
        end = () => {
          if (!connection.isClosed()) subscription.unsubscribe();
        };
      },
      () => undefined,
    );
    return () => end();
  }

  async #respond(message: Msg, answerer: Answerer): Promise<void> {
    if (!INBOX.test(message.reply ?? "")) return;
    try {
      message.respond(await answerer(message.data));
    } catch {
      // No answer: whoever asked will ask again.
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    if (!connection || connection.isClosed()) return;
    // What was answered leaves first, if there is somebody to take it.
    const late = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
    await Promise.race([connection.flush().catch(() => undefined), late]);
    await connection.close();
  }
}
