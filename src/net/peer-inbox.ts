/** Where a daemon's listener leaves connections of parties until a session wants them. Holds at most one per name. */
import { HandshakeError, PeerLostError } from "../errors.js";
import type { Connection } from "./transport.js";

/** A connection that no session wanted for so long is closed. */
const LARGEST_AGE_MS = 60_000;

export class PeerInbox {
  readonly #held = new Map<string, { connection: Connection; timer: NodeJS.Timeout }>();
  readonly #wanted = new Map<string, (connection: Connection) => void>();

  /** Takes an authenticated connection of a party. A newer one of the same party replaces one that still waits. */
  offer(connection: Connection): void {
    const { peer } = connection;
    const waiting = this.#wanted.get(peer);
    if (waiting) {
      this.#wanted.delete(peer);
      waiting(connection);
      return;
    }
    this.#drop(peer, `expected one connection of ${peer}, got another`);
    const timer = setTimeout(() => this.#drop(peer, `expected a session with ${peer}, got none`), LARGEST_AGE_MS);
    timer.unref();
    this.#held.set(peer, { connection, timer });
  }

  /** The connection of this party, as soon as it is there. */
  take(name: string, timeoutMs: number, signal?: AbortSignal): Promise<Connection> {
    const held = this.#held.get(name);
    if (held) {
      clearTimeout(held.timer);
      this.#held.delete(name);
      return Promise.resolve(held.connection);
    }
    if (this.#wanted.has(name))
      return Promise.reject(new HandshakeError(`inbox: expected one session at a time with ${name}, got two`));
    return new Promise((resolve, reject) => {
      const stop = (error: Error) => {
        clearTimeout(timer);
        this.#wanted.delete(name);
        reject(error);
      };
      const timer = setTimeout(
        () => stop(new PeerLostError(`inbox: expected ${name} to connect within ${Math.round(timeoutMs)} ms`, name)),
        timeoutMs,
      );
      const onAbort = () => stop(new PeerLostError(`inbox: expected ${name}, got an end of the attempt`, name));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#wanted.set(name, (connection) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        resolve(connection);
      });
    });
  }

  /** Closes what waits here. */
  close(): void {
    for (const name of [...this.#held.keys()]) this.#drop(name, "expected a session, got a shutdown");
  }

  #drop(name: string, reason: string): void {
    const held = this.#held.get(name);
    if (!held) return;
    clearTimeout(held.timer);
    this.#held.delete(name);
    held.connection.close(new HandshakeError(`inbox: ${reason}`));
  }
}
