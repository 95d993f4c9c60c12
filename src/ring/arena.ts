/**
 * The memory of one party: blocks of ring words in one wasm memory, owned by scopes that free what is left when they
 * close. Not a garbage collector, and it knows nothing of shapes.
 *
 * A fresh block is NOT zeroed: it holds whatever was there before, shares included. Nothing may be sent from a block
 * that has not been written; freeing does not wipe.
 */
import { MemoryError } from "../errors.js";
import type { Kernels } from "./kernels/kernels.js";
import { PAGE } from "./kernels/platform.js";
import { createKernels } from "./kernels/wasm.js";
import { classFor, FreeLists, UNIT, unitsOf } from "./size-classes.js";

/** One page short of 4 GiB, so that no kernel meets an end address that wraps to 0. */
const LARGEST = 65535 * PAGE;

/** `words` words at `ptr`, a multiple of 64. Made by Scope.alloc only. */
export class Block {
  readonly #ptr: number;
  /** @internal The owner; undefined once freed. */
  owner: Scope | undefined;
  /** @internal Position in the owner's list. */
  slot = 0;

  /** @internal */
  constructor(
    ptr: number,
    readonly words: number,
    /** @internal */
    readonly sizeClass: number,
  ) {
    this.#ptr = ptr;
  }

  /** Byte offset in the ring's memory; throws MemoryError once the block is freed. */
  get ptr(): number {
    if (this.owner === undefined) throw new MemoryError(freed("Block.ptr"));
    return this.#ptr;
  }
}

const freed = (where: string) =>
  `${where}: expected a live block, got one that was freed; try to move it to a scope that lives longer`;

/** Owns blocks; whoever opens a scope closes it (in a `finally`). */
export class Scope {
  readonly #ring: Ring;
  readonly #blocks: Block[] = [];
  #open = true;

  /** @internal Use Ring.scope(). */
  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** False once it was closed. */
  get open(): boolean {
    return this.#open;
  }
  /** Blocks that this scope owns now. */
  get live(): number {
    return this.#blocks.length;
  }

  /** A block of `words` (0 is fine) ring words with UNDEFINED contents. */
  alloc(words: number): Block {
    this.#checkOpen("Scope.alloc");
    const block = this.#ring.take(words);
    this.#adopt(block);
    return block;
  }

  free(block: Block): void {
    this.#release(block, "Scope.free");
    this.#ring.giveBack(block);
  }

  /** Hands a block to another scope of the same ring; returns it. */
  move(block: Block, to: Scope): Block {
    if (to.#ring !== this.#ring)
      throw new MemoryError("Scope.move: expected a scope of the same ring, got one of another ring; try a copy");
    to.#checkOpen("Scope.move");
    this.#release(block, "Scope.move");
    to.#adopt(block);
    return block;
  }

  /** Frees what is left. Closing twice does nothing. */
  close(): void {
    this.#open = false;
    for (const block of this.#blocks) {
      // The address must be read by giveBack while the block still counts as live.
      this.#ring.giveBack(block);
    }
    this.#blocks.length = 0;
  }

  /** @internal Throws where the block is freed or belongs to another ring. */
  belongsTo(ring: Ring): boolean {
    return this.#ring === ring;
  }

  #checkOpen(where: string): void {
    if (!this.#open) throw new MemoryError(`${where}: expected an open scope, got a closed one; try a new scope`);
  }

  #adopt(block: Block): void {
    block.owner = this;
    block.slot = this.#blocks.length;
    this.#blocks.push(block);
  }

  /** Takes the block off the list; the last one fills its place. The block stays marked as live. */
  #release(block: Block, where: string): void {
    if (block.owner === undefined) throw new MemoryError(freed(where));
    if (block.owner !== this)
      throw new MemoryError(
        `${where}: expected a block of this scope, got another's; try its owner's ${where.slice(6)}`,
      );
    const last = this.#blocks.pop()!;
    if (last !== block) {
      this.#blocks[block.slot] = last;
      last.slot = block.slot;
    }
  }
}

export interface RingOptions {
  /** Default: the wasm kernels, with a memory of their own. */
  readonly kernels?: Kernels;
  /** Limit of the linear memory. Default and maximum: one page short of 4 GiB. */
  readonly maxBytes?: number;
}

/** One linear memory, its kernels and its arena: one per party. */
export class Ring {
  readonly kernels: Kernels;
  readonly #free = new FreeLists();
  readonly #maxBytes: number;
  /** Everything from here to #memoryBytes was never handed out. */
  #top: number;
  #memoryBytes: number;
  #usedBytes = 0;

  constructor(options: RingOptions = {}) {
    this.kernels = options.kernels ?? createKernels();
    const { memory, heapBase } = this.kernels;
    this.#memoryBytes = memory.buffer.byteLength;
    this.#maxBytes = Math.min(options.maxBytes ?? LARGEST, LARGEST);
    if (!(this.#maxBytes >= this.#memoryBytes)) {
      const least = `at least ${this.#memoryBytes}`;
      throw new MemoryError(`Ring: expected maxBytes of ${least}, got ${options.maxBytes}; try ${least}`);
    }
    this.#top = Math.ceil(heapBase / UNIT) * UNIT;
  }

  /** Bytes in live blocks, rounded up as they are handed out. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of the linear memory; it never shrinks. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  scope(): Scope {
    return new Scope(this);
  }

  /** A fresh view of a block or a part of it. Never keep one: an allocation may detach it. */
  bytes(block: Block, offsetBytes = 0, lengthBytes = block.words * 8 - offsetBytes): Uint8Array<ArrayBuffer> {
    const at = this.#address(block, "Ring.bytes");
    const valid = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (!valid || offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > block.words * 8) {
      const got = `${lengthBytes} bytes at offset ${offsetBytes}`;
      throw new MemoryError(
        `Ring.bytes: expected a range within ${block.words * 8} bytes, got ${got}; try a shorter one`,
      );
    }
    return new Uint8Array(this.kernels.memory.buffer, at + offsetBytes, lengthBytes);
  }

  /** The words as unsigned numbers; a fresh view, see bytes(). */
  u64(block: Block): BigUint64Array<ArrayBuffer> {
    return new BigUint64Array(this.kernels.memory.buffer, this.#address(block, "Ring.u64"), block.words);
  }

  /** The words as signed numbers; a fresh view, see bytes(). */
  i64(block: Block): BigInt64Array<ArrayBuffer> {
    return new BigInt64Array(this.kernels.memory.buffer, this.#address(block, "Ring.i64"), block.words);
  }

  /** Two numbers per word, the lower half first; a fresh view, see bytes(). */
  u32(block: Block): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.kernels.memory.buffer, this.#address(block, "Ring.u32"), block.words * 2);
  }

  /** @internal For Scope.alloc. */
  take(words: number): Block {
    if (!(Number.isSafeInteger(words) && words >= 0))
      throw new MemoryError(`Scope.alloc: expected a number of words, got ${words}; try a non-negative integer`);
    const units = Math.max(1, Math.ceil(words / 8));
    if (units * UNIT > this.#maxBytes) throw this.#exhausted(units);
    const sizeClass = classFor(units);
    const ptr = this.#free.pop(sizeClass) ?? this.#carve(sizeClass);
    this.#usedBytes += unitsOf(sizeClass) * UNIT;
    return new Block(ptr, words, sizeClass);
  }

  /** @internal For Scope.free and Scope.close; marks the block as freed. */
  giveBack(block: Block): void {
    this.#free.push(block.ptr, block.sizeClass);
    this.#usedBytes -= unitsOf(block.sizeClass) * UNIT;
    block.owner = undefined;
  }

  #address(block: Block, where: string): number {
    if (block.owner === undefined) throw new MemoryError(freed(where));
    if (!block.owner.belongsTo(this))
      throw new MemoryError(`${where}: expected a block of this ring, got another ring's; try the ring it came from`);
    return block.ptr;
  }

  /** A chunk where no free one has this size: from the untouched top, or else by joining and cutting free ones. */
  #carve(sizeClass: number): number {
    const bytes = unitsOf(sizeClass) * UNIT;
    if (this.#top + bytes > this.#memoryBytes) {
      // Growing is for good, so first look at what lies free, if that is much or nothing else is left.
      const last = this.#top + bytes > this.#maxBytes;
      if (last || this.#free.units * UNIT > this.#top / 2) {
        // Cutting first: joining takes time, and away all chunks of sizes that the next run would find.
        const ptr = this.#free.popLarger(sizeClass) ?? this.#joined(sizeClass);
        if (ptr !== undefined) return ptr;
      }
      if (this.#top + bytes > this.#memoryBytes) this.#grow(bytes);
    }
    const ptr = this.#top;
    this.#top += bytes;
    return ptr;
  }

  #joined(sizeClass: number): number | undefined {
    this.#top = this.#free.merge(this.#top);
    return this.#free.pop(sizeClass) ?? this.#free.popLarger(sizeClass);
  }

  #grow(bytes: number): void {
    const needed = this.#top + bytes;
    if (needed > this.#maxBytes) throw this.#exhausted(bytes / UNIT);
    // By half at least, so that growing, which detaches all views, stays rare.
    const wanted = Math.min(this.#maxBytes, Math.max(needed, this.#memoryBytes * 1.5));
    const pages = Math.ceil(needed / PAGE) - this.#memoryBytes / PAGE;
    const generous = Math.floor(wanted / PAGE) - this.#memoryBytes / PAGE;
    const { memory } = this.kernels;
    try {
      try {
        memory.grow(Math.max(pages, generous));
      } catch {
        memory.grow(pages);
      }
    } catch {
      throw this.#exhausted(bytes / UNIT);
    }
    this.#memoryBytes = memory.buffer.byteLength;
  }

  #exhausted(units: number): MemoryError {
    const mib = (value: number) => `${(value / 2 ** 20).toFixed(1)} MiB`;
    const state = `${mib(units * UNIT)} beside ${mib(this.#usedBytes)} in use`;
    return new MemoryError(
      `Scope.alloc: expected to fit into ${mib(this.#maxBytes)}, got a request for ${state}; try smaller batches`,
    );
  }
}
