/**
 * The memory of one party: blocks of ring words in one wasm memory, owned by scopes that free what is left when they
 * close. Not a garbage collector, and it knows nothing of shapes. How words are looked at is ring.ts.
 *
 * A fresh block is NOT zeroed: it holds whatever was there before, shares included. Nothing may be sent from a block
 * that has not been written; freeing does not wipe.
 */
import { MemoryError } from "../errors.js";
import type { LinearMemory } from "./kernels/kernels.js";
import { PAGE } from "./kernels/platform.js";
import { classFor, FreeLists, UNIT, unitsOf } from "./size-classes.js";

/** One page short of 4 GiB, so that no kernel meets an end address that wraps to 0. */
const LARGEST = 65535 * PAGE;

/** `words` words of the scope's ring at `ptr`, a multiple of 64. Made by Scope.alloc only. */
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

export const freed = (where: string) =>
  `${where}: expected a live block, got one that was freed; try to move it to a scope that lives longer`;

/** What a scope needs of its ring: see Ring. */
interface Source {
  take(words: number): Block;
  giveBack(block: Block): void;
}

/** Owns blocks; whoever opens a scope closes it (in a `finally`). */
export class Scope {
  readonly #ring: Source;
  readonly #blocks: Block[] = [];
  #open = true;

  /** @internal Use Ring.scope(). */
  constructor(ring: Source) {
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
  belongsTo(ring: Source): boolean {
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

/** One linear memory, cut into chunks for the rings that look at it. */
export class Arena {
  readonly #memory: LinearMemory;
  readonly #free = new FreeLists();
  readonly #maxBytes: number;
  /** Everything from here to #memoryBytes was never handed out. */
  #top: number;
  #memoryBytes: number;
  #usedBytes = 0;

  constructor(memory: LinearMemory, heapBase: number, maxBytes: number | undefined) {
    this.#memory = memory;
    this.#memoryBytes = memory.buffer.byteLength;
    this.#maxBytes = Math.min(maxBytes ?? LARGEST, LARGEST);
    if (!(this.#maxBytes >= this.#memoryBytes)) {
      const least = `at least ${this.#memoryBytes}`;
      throw new MemoryError(`Ring: expected maxBytes of ${least}, got ${maxBytes}; try ${least}`);
    }
    this.#top = Math.ceil(heapBase / UNIT) * UNIT;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  take(words: number, wordBytes: number): Block {
    if (!(Number.isSafeInteger(words) && words >= 0))
      throw new MemoryError(`Scope.alloc: expected a number of words, got ${words}; try a non-negative integer`);
    const units = Math.max(1, Math.ceil((words * wordBytes) / UNIT));
    if (units * UNIT > this.#maxBytes) throw this.#exhausted(units);
    const sizeClass = classFor(units);
    const ptr = this.#free.pop(sizeClass) ?? this.#carve(sizeClass);
    this.#usedBytes += unitsOf(sizeClass) * UNIT;
    return new Block(ptr, words, sizeClass);
  }

  /** Marks the block as freed. */
  giveBack(block: Block): void {
    this.#free.push(block.ptr, block.sizeClass);
    this.#usedBytes -= unitsOf(block.sizeClass) * UNIT;
    block.owner = undefined;
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
    const memory = this.#memory;
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
