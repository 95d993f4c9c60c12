/** The mesh over one connection per peer: matches frames with exchanges and ends the session at the first irregularity. */
import { BoundError, FrameError, PeerLostError } from "../errors.js";
import type { Place } from "./decoder.js";
import { decodeEnd, encodeEnd } from "./end-reason.js";
import { type DecodedHeader, type Frame, type FrameHeader, FrameKind, LARGEST_PAYLOAD, payloadBytes } from "./frame.js";
import type { Incoming, Mesh, MeshOptions, MeshStats, Outgoing } from "./mesh.js";
import type { RunInbox } from "./run-inbox.js";
import { RunTable } from "./run-table.js";
import { SessionKeys, type SessionSecrets } from "./session-keys.js";
import type { Connection } from "./transport.js";
import { Watchdog } from "./watchdog.js";

/** Control messages that wait for a handler. */
const EARLY_CONTROLS = 64;
const END_BYTES = 2;
/** Its `then` is a microtask at a tenth of what queueMicrotask costs, which enters an asynchronous scope. */
const RESOLVED = Promise.resolve();

export class LinkedMesh implements Mesh {
  readonly parties: number;
  readonly sessionId: bigint;
  readonly encrypted: boolean;
  readonly ended: Promise<Error>;
  #resolveEnded!: (error: Error) => void;
  #error: Error | undefined;
  readonly #timeoutMs: number;
  readonly #controlLimit: number;
  readonly #keys: SessionKeys;
  readonly #watchdog: Watchdog;

  readonly #runs: RunTable;
  #onControl: ((peer: number, message: Uint8Array) => void) | undefined;
  #controls: { peer: number; message: Uint8Array }[] = [];

  #rounds = 0;
  readonly #sentPayload: number[];
  readonly #receivedPayload: number[];

  /** `links` has an authenticated connection at every index but the own, with the handshake done. */
  constructor(
    readonly self: number,
    readonly names: readonly string[],
    readonly links: readonly (Connection | undefined)[],
    secrets: SessionSecrets,
    options: MeshOptions = {},
  ) {
    this.parties = names.length;
    this.sessionId = secrets.sessionId;
    this.#keys = new SessionKeys(secrets, self, names);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#runs = new RunTable(names, options.earlyLimitBytes ?? 64 * 2 ** 20);
    this.#controlLimit = options.controlLimitBytes ?? 2 ** 20;
    this.#watchdog = new Watchdog(this.#timeoutMs, (now) => this.#checkDeadlines(now));
    this.#sentPayload = names.map(() => 0);
    this.#receivedPayload = names.map(() => 0);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.encrypted = links.every((link) => link === undefined || link.encrypted);
    links.forEach((link, peer) => {
      /** The run whose exchange this peer's frame belongs to. */
      let placing: RunInbox | undefined;
      const place: Place = (piece, at) => this.#place(peer, placing!, piece, at);
      link?.receive({
        limitBytes: LARGEST_PAYLOAD,
        header: (header) => this.#admit(peer, header),
        place: ({ kind, run }) => {
          placing = kind === FrameKind.data ? this.#runs.awaiting(peer, run) : undefined;
          return placing && place;
        },
        frame: (frame) => this.#take(peer, frame),
        close: (error) => {
          const where = `session: expected ${names[peer]} to stay connected`;
          this.end(error ?? new PeerLostError(`${where}, got a closed connection`, names[peer]!));
        },
      });
    });
  }

  openRun(run: number, limitBytesPerPeer: number): void {
    if (this.#error) throw this.#error;
    this.#orThrow(() => this.#runs.open(run, limitBytesPerPeer));
  }

  closeRun(run: number): void {
    if (!this.#error) this.#orThrow(() => this.#runs.close(run));
  }

  exchange(
    run: number,
    round: number,
    send: readonly Outgoing[],
    receive: readonly Incoming[],
    done: (error?: Error) => void,
  ): void {
    const error = this.#error;
    if (error) {
      queueMicrotask(() => done(error));
      return;
    }
    const inbox = this.#runs.get(run);
    if (!inbox || inbox.pending || round >>> 0 !== round || round <= inbox.round)
      throw new BoundError(
        `exchange: expected an open run without an exchange under way and a new round, got run ${run}, round ${round}`,
      );
    const awaited: (Incoming | undefined)[] = [];
    for (let peer = 0; peer < this.parties; peer++) awaited.push(undefined);
    for (let i = 0; i < receive.length; i++) {
      const incoming = receive[i]!;
      this.#link(incoming.peer);
      if (awaited[incoming.peer]) throw new BoundError(`exchange: expected each peer once, got ${incoming.peer} twice`);
      awaited[incoming.peer] = incoming;
    }
    for (let i = 0; i < send.length; i++) {
      this.#link(send[i]!.peer);
      const bytes = payloadBytes(send[i]!.parts);
      if (bytes > LARGEST_PAYLOAD) throw new BoundError(`exchange: expected less than 4 GiB per frame, got ${bytes}`);
    }
    this.#rounds++;
    inbox.round = round;
    inbox.pending = { round, deadline: this.#watchdog.enter(), awaited, missing: receive.length, done };
    for (let i = 0; i < send.length; i++) {
      const { peer, parts } = send[i]!;
      this.#sentPayload[peer]! += payloadBytes(parts);
      this.links[peer]!.send({ kind: FrameKind.data, session: this.sessionId, run, round, parts });
    }
    // In a microtask, so that a chain of rounds that are already here does not recurse.
    if (receive.length === 0 || inbox.ready) void RESOLVED.then(() => this.#deliverEarly(inbox));
  }

  sendControl(peer: number, message: Uint8Array): void {
    if (this.#error) throw this.#error;
    if (message.length > this.#controlLimit)
      throw new BoundError(`sendControl: expected at most ${this.#controlLimit} bytes, got ${message.length}`);
    this.#sendFrame(this.#link(peer), FrameKind.control, message);
  }

  onControl(handler: (peer: number, message: Uint8Array) => void): void {
    this.#onControl = handler;
    const waiting = this.#controls;
    this.#controls = [];
    for (const { peer, message } of waiting) handler(peer, message);
  }

  end(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    this.#watchdog.stop();
    this.#keys.erase();
    const reason = encodeEnd(error, this.names);
    for (const link of this.links) {
      if (!link) continue;
      this.#sendFrame(link, FrameKind.end, reason);
      link.close(error);
    }
    for (const { pending } of this.#runs.values()) if (pending) queueMicrotask(() => pending.done(error));
    this.#runs.clear();
    this.#controls = [];
    this.#resolveEnded(error);
  }

  stats(): MeshStats {
    let frames = 0;
    let wireBytes = 0;
    for (const link of this.links) {
      frames += link?.sentFrames ?? 0;
      wireBytes += (link?.sentBytes ?? 0) + (link?.receivedBytes ?? 0);
    }
    const peers = this.names.map((name, peer) => ({
      name,
      sentPayloadBytes: this.#sentPayload[peer]!,
      receivedPayloadBytes: this.#receivedPayload[peer]!,
    }));
    return { rounds: this.#rounds, frames, wireBytes, peers };
  }

  pairKey(peer: number, label: string, bytes = 16): Uint8Array {
    return this.#keys.pair(peer, label, bytes);
  }

  coinKey(label: string, bytes = 16): Uint8Array {
    return this.#keys.coin(label, bytes);
  }

  #sendFrame(link: Connection, kind: FrameKind, payload: Uint8Array): void {
    link.send({ kind, session: this.sessionId, run: 0, round: 0, parts: [payload] });
  }

  #link(peer: number): Connection {
    const link = this.links[peer];
    if (link === undefined)
      throw new BoundError(`mesh: expected a peer from 0 to ${this.parties - 1}, not ${this.self}, got ${peer}`);
    return link;
  }

  /** Our own mistakes are only thrown, a peer's FrameError ends the session, too. */
  #orThrow(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof FrameError) this.end(error);
      throw error;
    }
  }

  /** Throws unless this frame may come now: called before memory for the payload is allocated. Ends the session, too. */
  #admit(peer: number, header: DecodedHeader): void {
    if (this.#error) throw this.#error;
    try {
      this.#check(peer, header, header.length);
    } catch (error) {
      this.end(error as Error);
      throw error;
    }
  }

  /** Throws unless this frame may come now. Called before its payload is received, and again after if it was put together. */
  #check(peer: number, header: FrameHeader, length: number): void {
    const { kind, session, run } = header;
    if (session !== this.sessionId) this.#refuse(peer, "this session's id", "another");
    if (kind === FrameKind.data) this.#runs.check(peer, run, header.round, length);
    else if (kind === FrameKind.control) {
      if (length > this.#controlLimit) this.#refuse(peer, `at most ${this.#controlLimit} bytes`, `${length}`);
      if (this.#onControl) return;
      if (this.#controls.length >= EARLY_CONTROLS)
        this.#refuse(peer, `at most ${EARLY_CONTROLS} control messages before there is a handler`, "more");
      const early = this.#controls.reduce((sum, each) => sum + (each.peer === peer ? each.message.length : 0), length);
      if (early > 2 * this.#controlLimit)
        this.#refuse(peer, `at most ${2 * this.#controlLimit} bytes of early control messages`, `${early}`);
    } else if (kind === FrameKind.end) {
      if (length > END_BYTES) this.#refuse(peer, `at most ${END_BYTES} bytes`, `${length}`);
    } else this.#refuse(peer, "a frame of a session", `kind ${kind}`);
  }

  // What goes wrong from here on while frames are handled, also in `deliver` and `done`, ends the session.

  /** A piece of a frame that a pending exchange awaits. */
  #place(peer: number, inbox: RunInbox, piece: Uint8Array, at: number): void {
    if (this.#error) return;
    try {
      this.#receivedPayload[peer]! += piece.length;
      if (inbox.place(peer, piece, at)) this.#complete(inbox);
    } catch (error) {
      this.end(error as Error);
    }
  }

  /** Every other frame, whole. */
  #take(peer: number, frame: Frame): void {
    const { kind, run, round, payload } = frame;
    try {
      this.#check(peer, frame, payload.length);
      if (kind === FrameKind.data) {
        this.#receivedPayload[peer]! += payload.length;
        const complete = this.#runs.accept(peer, run, round, payload);
        if (complete) this.#complete(complete);
      } else if (kind === FrameKind.end) this.end(decodeEnd(payload, this.names, peer, this.self));
      else if (this.#onControl) this.#onControl(peer, payload);
      else this.#controls.push({ peer, message: Uint8Array.prototype.slice.call(payload) });
    } catch (error) {
      this.end(error as Error);
    }
  }

  #deliverEarly(inbox: RunInbox): void {
    try {
      if (!this.#error && inbox.deliverEarly()) this.#complete(inbox);
    } catch (error) {
      this.end(error as Error);
    }
  }

  #complete(inbox: RunInbox): void {
    const { pending } = inbox;
    if (!pending || this.#error) return;
    inbox.pending = undefined;
    this.#watchdog.leave();
    this.#whenTaken(pending.done);
  }

  /**
   * Calls `done` when the transports have taken what was handed to them. What has not left by then would stay here while
   * the caller computes, and peers would wait for it. A turn of the event loop that moves nothing ends this wait: the
   * other end may itself be computing.
   */
  #whenTaken(done: (error?: Error) => void, before = Number.POSITIVE_INFINITY): void {
    let unsent = 0;
    for (const link of this.links) unsent += link?.unsentBytes ?? 0;
    if (unsent === 0 || unsent >= before) done(this.#error);
    else
      setImmediate(() => {
        try {
          this.#whenTaken(done, unsent);
        } catch (error) {
          this.end(error as Error);
        }
      });
  }

  #checkDeadlines(now: number): number | undefined {
    let next: number | undefined;
    for (const { pending, run } of this.#runs.values()) {
      if (!pending) continue;
      if (pending.deadline <= now) {
        const silent = this.names.filter((_, peer) => pending.awaited[peer]).join(", ");
        const message = `run ${run}, round ${pending.round}: expected frames of ${silent} within ${this.#timeoutMs} ms`;
        this.end(new PeerLostError(`${message}, got none; try a longer time-out or look at ${silent}`, silent));
        return undefined;
      }
      next = Math.min(next ?? pending.deadline, pending.deadline);
    }
    return next;
  }

  #refuse(peer: number, expected: string, got: string): never {
    throw new FrameError(`frame from ${this.names[peer]}: expected ${expected}, got ${got}`);
  }
}
