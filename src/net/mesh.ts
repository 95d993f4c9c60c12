/** What one party's engine sees of the network in one session; implemented by linked-mesh.ts, record.ts replays it. */

/** Payload for one peer in one round. */
export interface Outgoing {
  readonly peer: number;
  /** Views, copied before `exchange` returns. */
  readonly parts: readonly Uint8Array[];
}

/** Payload expected from one peer in one round. */
export interface Incoming {
  readonly peer: number;
  /** Exact length; another length ends the session. */
  readonly bytes: number;
  /**
   * Gets the payload as it arrives, in one or more pieces and in order; `at` is where the piece begins. The view is valid
   * during the call only. Never called before `exchange` has returned; after a failure the payload may be incomplete.
   */
  deliver(piece: Uint8Array, at: number): void;
}

export interface PeerTraffic {
  readonly name: string;
  readonly sentPayloadBytes: number;
  readonly receivedPayloadBytes: number;
}

export interface MeshStats {
  /** Exchanges that were started. */
  readonly rounds: number;
  /** Frames sent, of all kinds. */
  readonly frames: number;
  /** Payload of `exchange`, by peer index; the own entry is zero. */
  readonly peers: readonly PeerTraffic[];
  /** All frames sent and received, with headers, without TLS records. */
  readonly wireBytes: number;
}

/** One party's links to all its peers in one session. After an error every use fails with that error. */
export interface Mesh {
  readonly self: number;
  readonly parties: number;
  readonly names: readonly string[];
  readonly sessionId: bigint;
  /** Whether every link is encrypted. */
  readonly encrypted: boolean;

  /**
   * Allows frames of this run, at most so many payload bytes from each peer. Run numbers only grow: after run 7 was
   * opened, 7 and everything below can never be opened again.
   */
  openRun(run: number, limitBytesPerPeer: number): void;
  /** Forgets the run. A frame that nobody asked for, then or later, ends the session. */
  closeRun(run: number): void;

  /**
   * One round of an open run: sends one frame per entry of `send` and awaits one of exactly the given length per entry
   * of `receive`. Each run has at most one exchange at a time, its rounds grow. Either all `deliver` and then, as soon as the
   * transports have taken what was sent or can take no more, `done()` are called, or `done(error)` (perhaps after some
   * `deliver`), never before `exchange` has returned.
   */
  exchange(
    run: number,
    round: number,
    send: readonly Outgoing[],
    receive: readonly Incoming[],
    done: (error?: Error) => void,
  ): void;

  sendControl(peer: number, message: Uint8Array): void;
  /** Sets the one handler; messages that came earlier are handed over now. The view is valid during the call only. */
  onControl(handler: (peer: number, message: Uint8Array) => void): void;

  /** Ends the session: pending and later exchanges fail with the error, peers are told a reason code. */
  end(error: Error): void;
  readonly ended: Promise<Error>;
  stats(): MeshStats;

  /** Key that this party and the peer have in common and nobody else, from fresh randomness of both. */
  pairKey(peer: number, label: string, bytes?: number): Uint8Array;
  /** Key that all parties have in common, from fresh randomness of all. No party alone can steer it within a session. */
  coinKey(label: string, bytes?: number): Uint8Array;
}

export interface MeshOptions {
  /** Longest wait for the frames of one exchange. Default 30 s. */
  readonly timeoutMs?: number;
  /** Payload held per peer for runs that are not open here yet. Default 64 MiB. */
  readonly earlyLimitBytes?: number;
  /** Largest control message. Default 1 MiB. */
  readonly controlLimitBytes?: number;
}
