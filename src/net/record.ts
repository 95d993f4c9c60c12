/**
 * Records everything that one party gets from the network in a session, and plays it back to that party alone.
 * For debugging and tests only: A RECORDING CONTAINS SECRETS (the pair keys and all shares that came in).
 */
import { createHash } from "node:crypto";
import { FrameError, InputError, SessionEndedError } from "../errors.js";
import type { Incoming, Mesh, MeshStats, Outgoing } from "./mesh.js";
import { type Entry, RecordingReader, RecordingWriter } from "./recording.js";

/** Digest of what was sent, so that a replay notices the first difference. */
export function sentDigest(send: readonly Outgoing[]): Uint8Array {
  const hash = createHash("sha256");
  for (const { peer, parts } of [...send].sort((a, b) => a.peer - b.peer)) {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    hash.update(`${peer}:${bytes};`);
    for (const part of parts) hash.update(part);
  }
  return hash.digest().subarray(0, 8);
}

/** The same mesh, with a record of what comes in. `toBytes` can be called at any time. */
export function recordMesh(mesh: Mesh): { mesh: Mesh; toBytes(): Uint8Array } {
  const writer = new RecordingWriter();
  writer.session(mesh.self, mesh.names, mesh.sessionId, mesh.encrypted);
  const recorded: Mesh = {
    self: mesh.self,
    parties: mesh.parties,
    names: mesh.names,
    sessionId: mesh.sessionId,
    encrypted: mesh.encrypted,
    ended: mesh.ended,
    openRun: (run, limit) => mesh.openRun(run, limit),
    closeRun: (run) => mesh.closeRun(run),
    exchange(run, round, send, receive, done) {
      writer.add({ kind: "sent", peer: mesh.self, run, round, bytes: sentDigest(send) });
      const wrapped = receive.map((incoming): Incoming => {
        const { peer, bytes } = incoming;
        const payload = new Uint8Array(bytes);
        return {
          peer,
          bytes,
          deliver(piece, at) {
            payload.set(piece, at);
            if (at + piece.length === bytes) writer.add({ kind: "data", peer, run, round, bytes: payload });
            incoming.deliver(piece, at);
          },
        };
      });
      mesh.exchange(run, round, send, wrapped, done);
    },
    sendControl: (peer, message) => mesh.sendControl(peer, message),
    onControl(handler) {
      mesh.onControl((peer, message) => {
        writer.add({ kind: "control", peer, run: 0, round: 0, bytes: message });
        handler(peer, message);
      });
    },
    end: (error) => mesh.end(error),
    stats: () => mesh.stats(),
    pairKey(peer, label, bytes) {
      const key = mesh.pairKey(peer, label, bytes);
      writer.key(peer, label, key);
      return key;
    },
    coinKey(label, bytes) {
      const key = mesh.coinKey(label, bytes);
      writer.key(mesh.self, label, key);
      return key;
    },
  };
  return { mesh: recorded, toBytes: () => writer.toBytes() };
}

/**
 * A mesh that plays a recording: the same keys, and every message in the recorded order, as soon as the party asks for
 * it. Ends with FrameError when the party sends something else than it did then.
 */
export function replayMesh(recording: Uint8Array): Mesh {
  return new ReplayMesh(recording);
}

class ReplayMesh implements Mesh {
  readonly self: number;
  readonly parties: number;
  readonly names: readonly string[];
  readonly sessionId: bigint;
  readonly encrypted: boolean;
  readonly ended: Promise<Error>;
  #resolveEnded!: (error: Error) => void;
  readonly #reader: RecordingReader;
  readonly #incoming: Entry[];
  #next = 0;
  readonly #sent = new Map<string, Uint8Array>();
  readonly #pending = new Map<
    number,
    { round: number; awaited: Map<number, Incoming>; done: (error?: Error) => void }
  >();
  #onControl: ((peer: number, message: Uint8Array) => void) | undefined;
  #error: Error | undefined;
  #rounds = 0;
  #scheduled = false;

  constructor(recording: Uint8Array) {
    this.#reader = new RecordingReader(recording);
    ({ self: this.self, names: this.names, sessionId: this.sessionId, encrypted: this.encrypted } = this.#reader);
    this.parties = this.names.length;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#incoming = this.#reader.entries.filter(({ kind }) => kind !== "sent");
    for (const { kind, run, round, bytes } of this.#reader.entries)
      if (kind === "sent") this.#sent.set(`${run}/${round}`, bytes);
  }

  openRun(): void {}
  closeRun(): void {}

  exchange(
    run: number,
    round: number,
    send: readonly Outgoing[],
    receive: readonly Incoming[],
    done: (error?: Error) => void,
  ): void {
    const then = this.#sent.get(`${run}/${round}`);
    if (!this.#error && (!then || Buffer.compare(then, sentDigest(send)) !== 0))
      this.end(
        new FrameError(`replay, run ${run}, round ${round}: expected the recorded messages to be sent, got others`),
      );
    if (this.#error) {
      const error = this.#error;
      queueMicrotask(() => done(error));
      return;
    }
    this.#rounds++;
    this.#pending.set(run, { round, awaited: new Map(receive.map((incoming) => [incoming.peer, incoming])), done });
    this.#schedule();
  }

  sendControl(): void {}

  onControl(handler: (peer: number, message: Uint8Array) => void): void {
    this.#onControl = handler;
    this.#schedule();
  }

  end(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    for (const { done } of this.#pending.values()) queueMicrotask(() => done(error));
    this.#pending.clear();
    this.#resolveEnded(error);
  }

  stats(): MeshStats {
    const peers = this.names.map((name) => ({ name, sentPayloadBytes: 0, receivedPayloadBytes: 0 }));
    return { rounds: this.#rounds, frames: 0, wireBytes: 0, peers };
  }

  pairKey(peer: number, label: string): Uint8Array {
    return this.#reader.key(peer, label);
  }

  coinKey(label: string): Uint8Array {
    return this.#reader.key(this.self, label);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A turn of the event loop, as from a socket: what the party does in promises is done by then.
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#play();
      } catch (error) {
        this.end(error as Error);
      }
    });
  }

  /** Delivers entries in the recorded order, up to one that nobody awaits yet or that the party must react to. */
  #play(): void {
    while (!this.#error) {
      for (const [run, pending] of this.#pending)
        if (pending.awaited.size === 0) {
          this.#pending.delete(run);
          this.#schedule();
          pending.done();
          return;
        }
      const entry = this.#incoming[this.#next];
      if (!entry) {
        if (this.#pending.size > 0) this.end(new SessionEndedError("replay: expected more messages, got the end"));
        return;
      }
      if (entry.kind === "control") {
        if (!this.#onControl) return;
        this.#next++;
        this.#schedule();
        this.#onControl(entry.peer, entry.bytes);
        return;
      }
      const pending = this.#pending.get(entry.run);
      const incoming = pending?.round === entry.round ? pending.awaited.get(entry.peer) : undefined;
      if (!incoming) return;
      if (incoming.bytes !== entry.bytes.length)
        throw new InputError(`replay: expected ${incoming.bytes} bytes, got ${entry.bytes.length} in the recording`);
      pending!.awaited.delete(entry.peer);
      this.#next++;
      incoming.deliver(entry.bytes, 0);
    }
  }
}
