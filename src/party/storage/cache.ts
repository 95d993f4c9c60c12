/** The decrypted chunks used last, over all files of a vault; bounded by bytes. Holds no files open. */

export class ChunkCache {
  readonly #limit: number;
  readonly #chunks = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: number): Uint8Array | undefined {
    const chunk = this.#chunks.get(key);
    if (chunk !== undefined) {
      // A Map iterates in the order of insertion, so the first key is the one used longest ago.
      this.#chunks.delete(key);
      this.#chunks.set(key, chunk);
    }
    return chunk;
  }

  put(key: number, chunk: Uint8Array): void {
    this.drop(key);
    if (chunk.length > this.#limit) return;
    this.#chunks.set(key, chunk);
    this.#bytes += chunk.length;
    for (const oldest of this.#chunks.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.drop(oldest);
    }
  }

  drop(key: number): void {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
    this.#chunks.delete(key);
    this.#bytes -= chunk.length;
  }

  /** Drops the keys from `from` up to, but not including, `to`. */
  dropRange(from: number, to: number): void {
    for (const key of [...this.#chunks.keys()]) if (key >= from && key < to) this.drop(key);
  }

  clear(): void {
    for (const key of [...this.#chunks.keys()]) this.drop(key);
  }
}
