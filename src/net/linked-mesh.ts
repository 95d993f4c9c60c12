/** The mesh over one connection per peer: matches frames with exchanges and ends the session at the first irregularity. */
import { BoundError, FrameError, PeerLostError, SessionEndedError } from "../errors.js";
import { deriveKey } from "../random/index.js";
import { decodeEnd, encodeEnd } from "./end-reason.js";
import { type DecodedHeader, type Frame, FrameKind, HEADER_BYTES, LARGEST_PAYLOAD, payloadBytes } from "./frame.js";
import type { SessionSecrets } from "./handshake.js";
import type { Incoming, Mesh, MeshOptions, MeshStats, Outgoing } from "./mesh.js";
import { EARLY_FRAME_BYTES, RunInbox } from "./run-inbox.js";
import type { Connection } from "./transport.js";

const LARGEST_RUN = 2 ** 48 - 1;
/** Runs that peers may start before us. */
const EARLY_RUNS = 8;
/** Control messages that wait for a handler. */
const EARLY_CONTROLS = 64;
const END_BYTES = 2;

export class LinkedMesh implements Mesh {
  readonly parties: number;
  readonly sessionId: bigint;
  readonly encrypted: boolean;
  readonly ended: Promise<Error>;
  #resolveEnded!: (error: Error) => void;
  readonly #timeoutMs: number;
  readonly #earlyLimit: number;
  readonly #controlLimit: number;
  #secrets: SessionSecrets | undefined;
  #error: Error | undefined;

  readonly #runs = new Map<number, RunInbox>();
  #highestRun = -1;
  readonly #earlyBytes: number[];
  #onControl: ((peer: number, message: Uint8Array) => void) | undefined;
  #controls: { peer: number; message: Uint8Array }[] = [];

  /** Exchanges that wait; while there are any, the timer keeps the process alive. */
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
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
    this.#secrets = secrets;
    this.sessionId = secrets.sessionId;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#earlyLimit = options.earlyLimitBytes ?? 64 * 2 ** 20;
    this.#controlLimit = options.controlLimitBytes ?? 2 ** 20;
    this.#earlyBytes = names.map(() => 0);
    this.#sentPayload = names.map(() => 0);
    this.#receivedPayload = names.map(() => 0);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.encrypted = links.every((link) => link === undefined || link.encrypted);
    links.forEach((link, peer) => {
      link?.receive({
        limitBytes: LARGEST_PAYLOAD,
        header: (header) => {
          this.#orEnd(() => this.#check(peer, header, header.length));
          if (this.#error) throw this.#error; // so that no memory is allocated for the payload
        },
        frame: (frame) => this.#orEnd(() => this.#take(peer, frame)),
        close: (error) => {
          const where = `session: expected ${names[peer]} to stay connected`;
          this.end(error ?? new PeerLostError(`${where}, got a closed connection`, names[peer]!));
        },
      });
    });
  }

  openRun(run: number, limitBytesPerPeer: number): void {
    if (this.#error) throw this.#error;
    if (!Number.isSafeInteger(run) || run <= this.#highestRun || run > LARGEST_RUN)
      throw new BoundError(`openRun: expected a run above ${this.#highestRun} and below 2^48, got ${run}`);
    if (!Number.isSafeInteger(limitBytesPerPeer) || limitBytesPerPeer < 0)
      throw new BoundError(`openRun: expected a limit in bytes, got ${limitBytesPerPeer}`);
    this.#highestRun = run;
    const inbox = this.#runs.get(run) ?? new RunInbox(run, this.names);
    for (let peer = 0; peer < this.parties; peer++) this.#earlyBytes[peer]! -= inbox.earlyBytes(peer);
    this.#runs.set(run, inbox);
    // What peers sent to a run that is skipped here is as wrong as a frame of a closed run.
    this.#orEnd(() => {
      for (const other of this.#runs.values()) if (other.run < run && other.limitBytes === undefined) other.close();
      inbox.open(limitBytesPerPeer);
    });
    if (this.#error) throw this.#error;
  }

  closeRun(run: number): void {
    const inbox = this.#runs.get(run);
    if (this.#error || inbox?.limitBytes === undefined) return;
    if (inbox.pending) throw new BoundError(`closeRun: expected no exchange under way in run ${run}, got one`);
    this.#runs.delete(run);
    this.#orEnd(() => inbox.close());
    if (this.#error) throw this.#error;
  }

  exchange(
    run: number,
    round: number,
    send: readonly Outgoing[],
    receive: readonly Incoming[],
    done: (error?: Error) => void,
  ): void {
    if (this.#error) {
      const error = this.#error;
      queueMicrotask(() => done(error));
      return;
    }
    const inbox = this.#runs.get(run);
    if (inbox?.limitBytes === undefined || inbox.pending || round <= inbox.round)
      throw new BoundError(
        `exchange: expected an open run without an exchange under way and a new round, got run ${run}, round ${round}`,
      );
    const awaited: (Incoming | undefined)[] = new Array(this.parties).fill(undefined);
    for (let i = 0; i < receive.length; i++) {
      const incoming = receive[i]!;
      this.#checkPeer(incoming.peer);
      if (awaited[incoming.peer]) throw new BoundError(`exchange: expected each peer once, got ${incoming.peer} twice`);
      awaited[incoming.peer] = incoming;
    }
    for (let i = 0; i < send.length; i++) this.#checkPeer(send[i]!.peer);
    this.#rounds++;
    inbox.round = round;
    inbox.pending = { round, deadline: performance.now() + this.#timeoutMs, awaited, missing: receive.length, done };
    this.#wait();
    for (let i = 0; i < send.length; i++) {
      const { peer, parts } = send[i]!;
      this.#sentPayload[peer]! += payloadBytes(parts);
      this.links[peer]!.send({ kind: FrameKind.data, session: this.sessionId, run, round, parts });
    }
    if (receive.length === 0 || inbox.ready)
      queueMicrotask(() =>
        this.#orEnd(() => {
          if (!this.#error && inbox.deliverEarly()) this.#complete(inbox);
        }),
      );
  }

  sendControl(peer: number, message: Uint8Array): void {
    if (this.#error) throw this.#error;
    this.#checkPeer(peer);
    if (message.length > this.#controlLimit)
      throw new BoundError(`sendControl: expected at most ${this.#controlLimit} bytes, got ${message.length}`);
    this.links[peer]!.send({ kind: FrameKind.control, session: this.sessionId, run: 0, round: 0, parts: [message] });
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
    const reason = encodeEnd(error, this.names);
    for (const link of this.links) {
      link?.send({ kind: FrameKind.end, session: this.sessionId, run: 0, round: 0, parts: [reason] });
      link?.close(error);
    }
    for (const { pending } of this.#runs.values()) if (pending) queueMicrotask(() => pending.done(error));
    this.#runs.clear();
    this.#controls = [];
    clearTimeout(this.#timer);
    if (this.#secrets) {
      for (const pair of this.#secrets.pairs) for (const part of pair) part.fill(0);
      for (const nonce of this.#secrets.nonces) nonce.fill(0);
      this.#secrets = undefined;
    }
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
    this.#checkPeer(peer);
    const ends = [this.self, peer].sort((a, b) => a - b).map((index) => `${index}:${this.names[index]}`);
    return deriveKey(this.#live().pairs[peer]!, this.#context("pair", `${ends.join("|")}|${label}`), bytes);
  }

  coinKey(label: string, bytes = 16): Uint8Array {
    return deriveKey(this.#live().nonces, this.#context("coin", label), bytes);
  }

  #context(purpose: string, label: string): string {
    return `${purpose}|${this.sessionId.toString(16)}|${label}`;
  }

  #live(): SessionSecrets {
    if (!this.#secrets)
      throw this.#error ?? new SessionEndedError("session: expected a live session, got an ended one");
    return this.#secrets;
  }

  #checkPeer(peer: number): void {
    if (this.links[peer] === undefined)
      throw new BoundError(
        `mesh: expected the index of a peer (0 to ${this.parties - 1}, not ${this.self}), got ${peer}`,
      );
  }

  /** What goes wrong while frames are handled, also in `deliver` and `done`, ends the session. */
  #orEnd(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.end(error as Error);
    }
  }

  /** Throws unless this frame may come now. Called before its payload is received, and again after. */
  #check(peer: number, header: DecodedHeader | Frame, length: number): void {
    const { kind, session, run } = header;
    const where = () => `frame from ${this.names[peer]}`;
    if (session !== this.sessionId) throw new FrameError(`${where()}: expected this session's id, got another`);
    if (kind === FrameKind.control || kind === FrameKind.end) {
      const limit = kind === FrameKind.control ? this.#controlLimit : END_BYTES;
      if (length > limit) throw new FrameError(`${where()}: expected at most ${limit} bytes, got ${length}`);
      if (!this.#onControl && this.#controls.length >= EARLY_CONTROLS)
        throw new FrameError(
          `${where()}: expected at most ${EARLY_CONTROLS} control messages before there is a handler`,
        );
      return;
    }
    if (kind !== FrameKind.data) throw new FrameError(`${where()}: expected a frame of a session, got kind ${kind}`);
    const inbox = this.#runs.get(run);
    if (inbox?.limitBytes === undefined) {
      if (run <= this.#highestRun)
        throw new FrameError(`${where()}: expected an open run, got run ${run}, which is over`);
      let early = 0;
      for (const other of this.#runs.values()) if (other.limitBytes === undefined) early++;
      if (!inbox && early >= EARLY_RUNS)
        throw new FrameError(`${where()}: expected at most ${EARLY_RUNS} runs before they open here, got run ${run}`);
      if (this.#earlyBytes[peer]! + length + EARLY_FRAME_BYTES > this.#earlyLimit)
        throw new FrameError(
          `${where()}: expected at most ${this.#earlyLimit} early bytes; try to open run ${run} earlier`,
        );
    }
    inbox?.check(peer, header, length);
  }

  #take(peer: number, frame: Frame): void {
    const { kind, run, round, payload } = frame;
    this.#check(peer, frame, payload.length);
    if (kind === FrameKind.end) {
      this.end(decodeEnd(payload, this.names, peer));
      return;
    }
    if (kind === FrameKind.control) {
      if (this.#onControl) this.#onControl(peer, payload);
      else this.#controls.push({ peer, message: payload.slice() });
      return;
    }
    this.#receivedPayload[peer]! += payload.length;
    let inbox = this.#runs.get(run);
    if (!inbox) {
      inbox = new RunInbox(run, this.names);
      this.#runs.set(run, inbox);
    }
    if (inbox.limitBytes === undefined) this.#earlyBytes[peer]! += payload.length + EARLY_FRAME_BYTES;
    if (inbox.accept(peer, round, payload)) this.#complete(inbox);
  }

  #complete(inbox: RunInbox): void {
    const { pending } = inbox;
    if (!pending || this.#error) return;
    inbox.pending = undefined;
    if (--this.#waiting === 0) this.#timer?.unref();
    pending.done();
  }

  /** One timer for all exchanges; it is moved only when it fires. */
  #wait(): void {
    if (this.#waiting++ > 0) return;
    if (this.#timer) this.#timer.ref();
    else this.#timer = setTimeout(() => this.#checkDeadlines(), this.#timeoutMs);
  }

  #checkDeadlines(): void {
    this.#timer = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { pending, run } of this.#runs.values()) {
      if (!pending) continue;
      if (pending.deadline <= now) {
        const silent = this.names.filter((_, peer) => pending.awaited[peer]).join(", ");
        const message = `run ${run}, round ${pending.round}: expected frames of ${silent} within ${this.#timeoutMs} ms`;
        this.end(new PeerLostError(`${message}; try a longer time-out or look at ${silent}`, silent));
        return;
      }
      next = Math.min(next, pending.deadline);
    }
    if (next < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#checkDeadlines(), next - now + 1);
  }
}

/** Wire bytes of one round for one peer, for cost formulas. */
export const frameBytes = (payload: number): number => HEADER_BYTES + payload;
