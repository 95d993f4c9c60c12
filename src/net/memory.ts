/** Two connected ends in one process, for local() and tests. No secrecy: whoever runs the process sees everything. */
import { BufferPool } from "./buffer-pool.js";
import { FrameConnection, type Role } from "./transport.js";

/** One end. What is sent arrives in a later turn of the event loop, in order, as one chunk per frame. */
class MemoryConnection extends FrameConnection {
  readonly encrypted = false;
  other!: MemoryConnection;
  readonly #pool = new BufferPool();
  #inbox: Uint8Array[] = [];
  /** In the inbox. */
  #waitingBytes = 0;
  #otherClosed = false;
  #reading = false;
  #scheduled = false;

  get unsentBytes(): number {
    return this.other.#waitingBytes;
  }

  protected allocate(bytes: number): Uint8Array {
    return this.#pool.take(bytes);
  }

  protected write(buffer: Uint8Array): void {
    this.other.#inbox.push(buffer);
    this.other.#waitingBytes += buffer.length;
    this.other.#wake();
  }

  protected setReading(on: boolean): void {
    this.#reading = on;
    if (on) this.#wake();
  }

  protected flushAndClose(): void {
    this.#inbox = [];
    this.#waitingBytes = 0;
    this.other.#otherClosed = true;
    this.other.#wake();
  }

  #wake(): void {
    if (this.#scheduled || !this.#reading || this.closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const inbox = this.#inbox;
    this.#inbox = [];
    for (let i = 0; i < inbox.length; i++) {
      if (this.closed) return;
      if (!this.#reading) {
        this.#inbox = inbox.slice(i).concat(this.#inbox);
        return;
      }
      this.#waitingBytes -= inbox[i]!.length;
      this.take(inbox[i]!);
      this.other.#pool.give(inbox[i]!); // the decoder has copied what it keeps
    }
    if (this.#otherClosed && this.#inbox.length === 0 && !this.decoder.holding) this.lost("the other end closed");
  }
}

/** The two ends of a new pipe. `first.peer` is the name given for the second end and the other way round. */
export function memoryPair(
  first: string,
  second: string,
  roles: readonly [Role, Role] = ["party", "party"],
): [FrameConnection, FrameConnection] {
  const a = new MemoryConnection(second, roles[1]);
  const b = new MemoryConnection(first, roles[0]);
  a.other = b;
  b.other = a;
  return [a, b];
}
