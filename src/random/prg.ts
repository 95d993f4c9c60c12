/**
 * Counter streams for masks: AES-128-CTR under a pair key, one stream per (run, node, chunk).
 * Not the expansion of stored datasets, see expand.ts.
 *
 * IV = run (48 bit) | node (24 bit) | chunk (24 bit) | block counter (32 bit): two streams never share a block, and a
 * stream that would run into the next chunk throws.
 */
import { createCipheriv } from "node:crypto";
import { BoundError, SecretgradError } from "../errors.js";

/** Under no name of @types/node, which has changed it. */
type Cipher = ReturnType<typeof createCipheriv>;

/** Names one stream of a key. The engine uses every name once; a retry is a new run. */
export interface StreamId {
  /** Number of the run, below 2^48. */
  readonly run: number;
  /** Number of the plan node, below 2^24. */
  readonly node: number;
  /** Which stream of the node, below 2^24. */
  readonly chunk: number;
}

export interface PrgOptions {
  /** Remember every stream and throw when one is opened twice. For tests: the memory grows with each stream. */
  readonly audit?: boolean;
}

export const LARGEST_RUN = 2 ** 48 - 1;
export const LARGEST_NODE = 2 ** 24 - 1;
export const LARGEST_CHUNK = 2 ** 24 - 1;
/** Bytes in one stream: 2^32 blocks. */
export const STREAM_BYTES = 2 ** 36;

/** One call to the cipher: larger outputs are fresh mappings and page-fault. */
const REFILL = 65536;
/** Up to here one call to a shared ECB cipher is cheaper than creating a CTR cipher. The keystream is the same. */
const SMALL = 4096;
/** Plain text for ECB: the counter blocks of one call. They hold no secrets. */
const COUNTERS = new Uint32Array(SMALL / 4);
/** Plain text for CTR. Never written. */
const ZEROS = new Uint8Array(REFILL);
const NOTHING = new Uint8Array(0);

function checkField(name: keyof StreamId, value: number, largest: number): void {
  if (!Number.isInteger(value) || value < 0 || value > largest)
    throw new BoundError(`Prg.stream: expected ${name} from 0 to ${largest}, got ${value}; try a new session`);
}

/** A key, from which independent streams are opened. */
export class Prg {
  readonly #key: Uint8Array;
  readonly #ecb: Cipher;
  readonly #opened: Set<string> | undefined;

  constructor(key: Uint8Array, options: PrgOptions = {}) {
    if (key.length !== 16) throw new BoundError(`Prg: expected a key of 16 bytes, got ${key.length}; try deriveKey`);
    this.#key = new Uint8Array(key);
    this.#ecb = createCipheriv("aes-128-ecb", this.#key, null);
    this.#ecb.setAutoPadding(false);
    this.#opened = options.audit ? new Set() : undefined;
  }

  /** Opens the stream of this name at its start. */
  stream(id: StreamId): Stream {
    checkField("run", id.run, LARGEST_RUN);
    checkField("node", id.node, LARGEST_NODE);
    checkField("chunk", id.chunk, LARGEST_CHUNK);
    if (this.#opened) {
      const name = `${id.run}/${id.node}/${id.chunk}`;
      if (this.#opened.has(name))
        throw new SecretgradError(
          `Prg.stream: expected each stream once, got run/node/chunk ${name} again; try another chunk`,
        );
      this.#opened.add(name);
    }
    return new Stream(this.#key, this.#ecb, id);
  }
}

/** The keystream of one name, read from front to back. */
export class Stream {
  readonly #key: Uint8Array;
  readonly #ecb: Cipher;
  /** The IV in the byte order of the host; the last word is the block counter. */
  readonly #iv: Uint32Array;
  /** Made when the stream turns out not to be small; from then on the only source. */
  #ctr: Cipher | undefined;
  /** Blocks taken from the ECB cipher before `#ctr` was made. */
  #blocks = 0;
  #drawn = 0;
  #pool: Uint8Array = NOTHING;
  #poolAt = 0;
  /** Size of the next refill for small draws. It doubles, so that at most as much is wasted as was used. */
  #refill = 16;

  /** @internal Use Prg.stream. */
  constructor(key: Uint8Array, ecb: Cipher, { run, node, chunk }: StreamId) {
    this.#key = key;
    this.#ecb = ecb;
    const [high, low] = [Math.floor(run / 2 ** 32), run >>> 0];
    this.#iv = Uint32Array.of(
      swap((high << 16) | (low >>> 16)),
      swap((low << 16) | (node >>> 8)),
      swap((node << 24) | chunk),
      0,
    );
  }

  /** Overwrites `target` with the next bytes of the keystream. */
  fill(target: Uint8Array): void {
    const length = target.length;
    if (this.#drawn + length > STREAM_BYTES)
      throw new BoundError(`Stream.fill: expected at most ${STREAM_BYTES} bytes of one stream; try another chunk`);
    this.#drawn += length;
    let at = 0;
    const pooled = this.#pool.length - this.#poolAt;
    if (pooled > 0) {
      at = Math.min(pooled, length);
      target.set(this.#pool.subarray(this.#poolAt, this.#poolAt + at));
      this.#poolAt += at;
    }
    while (at < length) {
      const left = length - at;
      const piece = left >= this.#refill ? this.#next(Math.min(left, REFILL)) : this.#next(this.#refill);
      if (piece.length <= left) target.set(piece, at);
      else {
        target.set(piece.subarray(0, left), at);
        this.#pool = piece;
        this.#poolAt = left;
      }
      at += piece.length;
    }
    if (this.#refill < REFILL) this.#refill = Math.min(REFILL, Math.max(32, 2 * length, 2 * this.#refill));
  }

  /** At least `bytes` of keystream (whole blocks while the ECB cipher is the source). */
  #next(bytes: number): Uint8Array {
    if (this.#ctr === undefined && bytes <= SMALL) {
      const words = 4 * ((bytes + 15) >>> 4);
      const [first, second, third] = this.#iv as unknown as [number, number, number];
      for (let at = 0; at < words; at += 4) {
        COUNTERS[at] = first;
        COUNTERS[at + 1] = second;
        COUNTERS[at + 2] = third;
        COUNTERS[at + 3] = swap(this.#blocks++);
      }
      return this.#ecb.update(COUNTERS.subarray(0, words));
    }
    if (this.#ctr === undefined) {
      this.#iv[3] = swap(this.#blocks);
      this.#ctr = createCipheriv("aes-128-ctr", this.#key, this.#iv);
    }
    return this.#ctr.update(bytes === REFILL ? ZEROS : ZEROS.subarray(0, bytes));
  }
}

/** From big-endian, which the cipher counts in, to the byte order of the host (little-endian, as in wasm) or back. */
function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
