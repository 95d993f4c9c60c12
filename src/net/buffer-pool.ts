/** A few large send buffers of one connection for use again: mapping 8 MiB anew costs more than copying them. */

/** Smaller buffers are not worth keeping. */
const SMALL = 16 * 1024;
const LARGEST = 16 * 2 ** 20;
const KEPT = 2;

export class BufferPool {
  readonly #spare: ArrayBuffer[] = [];

  /** A buffer of exactly this length, with arbitrary content. */
  take(bytes: number): Uint8Array {
    if (bytes <= SMALL) return Buffer.allocUnsafe(bytes);
    const fitting = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes);
    if (fitting >= 0) return new Uint8Array(this.#spare.splice(fitting, 1)[0]!, 0, bytes);
    return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  }

  /** Gives back what `take` returned, when nobody uses it any more. */
  give({ buffer, length }: Uint8Array): void {
    if (length <= SMALL || buffer.byteLength > LARGEST) return;
    this.#spare.push(buffer as ArrayBuffer);
    // The smallest one goes: the large ones are dear to map anew.
    if (this.#spare.length > KEPT) this.#spare.sort((a, b) => b.byteLength - a.byteLength).pop();
  }
}
