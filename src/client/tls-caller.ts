/**
 * Calls to one party over mutual TLS. Dials when first needed and again after a loss; a call that was under way when the
 * connection broke fails and is never sent twice.
 */
import { SessionEndedError } from "../errors.js";
import { dial, type Expected, type Identity, type Json, RpcClient } from "../net/index.js";
import type { CallResult, PartyCaller } from "./caller.js";

export interface TlsCallerOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
  readonly expected: Expected;
  readonly dialTimeoutMs?: number;
  /** For answers, where a call does not say. */
  readonly timeoutMs?: number;
}

export class TlsCaller implements PartyCaller {
  readonly name: string;
  readonly #options: TlsCallerOptions;
  #client: Promise<RpcClient> | undefined;
  #closed = false;

  constructor(options: TlsCallerOptions) {
    this.#options = options;
    this.name = options.expected.name;
  }

  async call(
    method: string,
    params: unknown,
    body?: Uint8Array,
    options: { timeoutMs?: number } = {},
  ): Promise<CallResult> {
    // The first call in a turn of the event loop must leave first, so an open connection is not awaited twice.
    this.#client ??= this.#dial();
    return (await this.#client).call(method, params as Json, body, {
      ...(this.#options.timeoutMs === undefined ? {} : { timeoutMs: this.#options.timeoutMs }),
      ...options,
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    client?.close();
  }

  #dial(): Promise<RpcClient> {
    if (this.#closed)
      return Promise.reject(
        new SessionEndedError(`call of ${this.name}: expected an open client, got a closed one; try connect() again`),
      );
    const { host, port, identity, expected, dialTimeoutMs = 10_000 } = this.#options;
    const client = dial(host, port, identity, expected, dialTimeoutMs).then((connection) => new RpcClient(connection));
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.then(({ closed }) => closed.then(forget), forget);
    return client;
  }
}
