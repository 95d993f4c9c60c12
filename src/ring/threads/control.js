// @ts-check
/**
 * What two threads that compute in one memory tell each other: places in a block of 32-bit integers. JavaScript, because a worker
 * begins with a file that runs as it is; not the worker itself.
 */

/** Counts products; a helper that has nothing to do waits for it to change. */
export const PRODUCT = 0;
/**
 * The number of the product times 2^COUNT_BITS, plus how many of its pieces nobody has taken; they are taken in order, by subtracting
 * 1. While there are none left, and only then, the owner writes the description of the next product.
 */
export const LEFT = 1;
export const COUNT_BITS = 10;
export const COUNT_MASK = 2 ** COUNT_BITS - 1;
/** Two places for results, used in turn. 0: free; p + 1: the result of piece p is there; -1: the helper could not compute it. */
export const RESULTS = 2;
/** Bytes of memory for each of the two results, which lie side by side. */
export const RESULT_BYTES = 2 ** 20;

// The description of a product. Piece p is kernel(result, ...arguments + p * steps), but for the argument that says how large the piece
// is: all pieces but the last have the size `SIZE`, all together `TOTAL`.
/** Index into the list of kernels. */
export const KERNEL = 4;
/** Which argument is the size of a piece. */
export const SIZED = 5;
export const SIZE = 6;
export const TOTAL = 7;
/** How many arguments the kernel has, the result among them. */
export const ARITY = 8;
export const ARGUMENTS = 16;
export const STEPS = 32;

/** Integers of the whole block. */
export const CONTROL_WORDS = 48;
