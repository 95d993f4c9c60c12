/**
 * Words of one size in the memory of a party, and the kernels that compute on them. Both sizes lie in one memory: a ring of 64-bit
 * words has one of 32-bit words beside it. Not the memory itself, see arena.ts.
 */
import { MemoryError } from "../errors.js";
import { Arena, type Block, freed, Scope } from "./arena.js";
import type { KernelSets, Kernels, WordBytes } from "./kernels/kernels.js";
import { createKernels } from "./kernels/wasm.js";

export interface RingOptions {
  /** Default: the wasm kernels, with a memory of their own. */
  readonly kernels?: KernelSets;
  /** Limit of the linear memory. Default and maximum: one page short of 4 GiB. */
  readonly maxBytes?: number;
}

/** One word size's kernels and view of a memory. A party has one memory. */
export class Ring {
  readonly kernels: Kernels;
  /** The ring Z_2^32 over the same memory; of that one itself. */
  readonly narrow: Ring;
  readonly #arena: Arena;

  constructor(options?: RingOptions);
  /** @internal */
  constructor(kernels: Kernels, arena: Arena);
  constructor(given: RingOptions | Kernels = {}, arena?: Arena) {
    if (arena) {
      this.kernels = given as Kernels;
      this.#arena = arena;
      this.narrow = this;
      return;
    }
    const { kernels = createKernels(), maxBytes } = given as RingOptions;
    this.kernels = kernels;
    this.#arena = new Arena(kernels.memory, kernels.heapBase, maxBytes);
    this.narrow = new Ring(kernels.narrow, this.#arena);
  }

  /** The kernels that words of 64 bits alone have. Throws MemoryError in a ring of 32-bit words. */
  get wide(): KernelSets {
    if (this.wordBytes !== 8)
      throw new MemoryError("Ring.wide: expected words of 64 bits, got words of 32; try the ring that has them");
    return this.kernels as KernelSets;
  }

  get wordBytes(): WordBytes {
    return this.kernels.wordBytes;
  }

  /** Bytes in live blocks of either size, rounded up as they are handed out. */
  get usedBytes(): number {
    return this.#arena.usedBytes;
  }

  /** Bytes of the linear memory; it never shrinks. */
  get memoryBytes(): number {
    return this.#arena.memoryBytes;
  }

  scope(): Scope {
    return new Scope(this);
  }

  /** A fresh view of a block or a part of it. Never keep one: an allocation may detach it. */
  bytes(block: Block, offsetBytes = 0, lengthBytes = block.words * this.wordBytes - offsetBytes): Uint8Array {
    const at = this.#address(block, "Ring.bytes");
    const size = block.words * this.wordBytes;
    const valid = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (!valid || offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > size) {
      const got = `${lengthBytes} bytes at offset ${offsetBytes}`;
      throw new MemoryError(`Ring.bytes: expected a range within ${size} bytes, got ${got}; try a shorter one`);
    }
    return new Uint8Array(this.kernels.memory.buffer, at + offsetBytes, lengthBytes);
  }

  /** The words, as signed numbers: a copy. */
  words(block: Block): BigInt64Array<ArrayBuffer> {
    return this.wordBytes === 8 ? this.i64(block).slice() : BigInt64Array.from(this.#i32(block), BigInt);
  }

  /** Writes as many words as the block has, modulo 2^wordBits. */
  setWords(block: Block, words: BigInt64Array): void {
    if (words.length !== block.words)
      throw new MemoryError(`Ring.setWords: expected ${block.words} words, got ${words.length}; try a larger block`);
    if (this.wordBytes === 8) this.i64(block).set(words);
    else this.#i32(block).set(Array.from(words, (word) => Number(BigInt.asIntN(32, word))));
  }

  /** The words as unsigned numbers; a fresh view, see bytes(). Of words of 64 bits only. */
  u64(block: Block): BigUint64Array {
    return new BigUint64Array(this.kernels.memory.buffer, this.#wide(block, "Ring.u64"), block.words);
  }

  /** The words as signed numbers; a fresh view, see bytes(). Of words of 64 bits only. */
  i64(block: Block): BigInt64Array {
    return new BigInt64Array(this.kernels.memory.buffer, this.#wide(block, "Ring.i64"), block.words);
  }

  /** Numbers of 32 bits: words, or the halves of words, the lower first; a fresh view, see bytes(). */
  u32(block: Block): Uint32Array {
    const numbers = (block.words * this.wordBytes) / 4;
    return new Uint32Array(this.kernels.memory.buffer, this.#address(block, "Ring.u32"), numbers);
  }

  /** @internal For Scope.alloc. */
  take(words: number): Block {
    return this.#arena.take(words, this.wordBytes);
  }

  /** @internal For Scope.free and Scope.close; marks the block as freed. */
  giveBack(block: Block): void {
    this.#arena.giveBack(block);
  }

  #i32(block: Block): Int32Array {
    return new Int32Array(this.kernels.memory.buffer, this.#address(block, "Ring.words"), block.words);
  }

  #wide(block: Block, where: string): number {
    if (this.wordBytes !== 8)
      throw new MemoryError(`${where}: expected words of 64 bits, got words of 32; try words() or u32()`);
    return this.#address(block, where);
  }

  #address(block: Block, where: string): number {
    if (block.owner === undefined) throw new MemoryError(freed(where));
    if (!block.owner.belongsTo(this))
      throw new MemoryError(`${where}: expected a block of this ring, got another ring's; try the ring it came from`);
    return block.ptr;
  }
}
