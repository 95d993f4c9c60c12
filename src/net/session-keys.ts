/** Keys of a session, from the fresh randomness of the handshake; erased when the session ends. */
import { BoundError, SessionEndedError } from "../errors.js";
import { deriveKey } from "../random/index.js";

/** What a session's keys derive from. */
export interface SessionSecrets {
  readonly sessionId: bigint;
  /** By peer: contribution of the lower index, contribution of the higher index. Own entry empty. */
  readonly pairs: readonly (readonly Uint8Array[])[];
  /** One nonce per party. */
  readonly nonces: readonly Uint8Array[];
}

export class SessionKeys {
  #secrets: SessionSecrets | undefined;
  readonly #self: number;
  readonly #names: readonly string[];

  constructor(secrets: SessionSecrets, self: number, names: readonly string[]) {
    this.#secrets = secrets;
    this.#self = self;
    this.#names = names;
  }

  /** The same at both ends: parts and names are ordered by index. */
  pair(peer: number, label: string, bytes: number): Uint8Array {
    const { pairs, sessionId } = this.#live();
    const parts = pairs[peer];
    if (parts?.length !== 2) throw new BoundError(`pairKey: expected the index of a peer, got ${peer}`);
    const [low, high] = peer < this.#self ? [peer, this.#self] : [this.#self, peer];
    const ends = `${low}:${this.#names[low]}|${high}:${this.#names[high]}`;
    return deriveKey(parts, `pair|${sessionId.toString(16)}|${ends}|${label}`, bytes);
  }

  /** The same at all parties. */
  coin(label: string, bytes: number): Uint8Array {
    const { nonces, sessionId } = this.#live();
    return deriveKey(nonces, `coin|${sessionId.toString(16)}|${label}`, bytes);
  }

  erase(): void {
    for (const pair of this.#secrets?.pairs ?? []) for (const part of pair) part.fill(0);
    for (const nonce of this.#secrets?.nonces ?? []) nonce.fill(0);
    this.#secrets = undefined;
  }

  #live(): SessionSecrets {
    if (!this.#secrets) throw new SessionEndedError("session keys: expected a live session, got an ended one");
    return this.#secrets;
  }
}
