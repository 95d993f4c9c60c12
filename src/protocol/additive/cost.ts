/**
 * What each primitive of additive sharing costs, as formulas in n, width and shift, for values whose mask is open; the first one
 * to look at a value opens it. Not measured: the conformance suite asserts that the traffic equals them exactly.
 *
 * Notation: W = ceil(n/64) words in a plane (of 32 bits: twice as many), L blocks of bits, M planes of products (the sum of 2^bits - 1 over the blocks, and
 * single bits). Words that a party sends to each of the other n - 1 parties, and words of the dealer to the last party:
 *
 * | primitive | rounds     | to each other party              | dealer to the last                   |
 * | a mask    | 1          | n                                |                                      |
 * | product   | -          |                                  | n                                    |
 * | separable | -          |                                  | n a term                             |
 * | truncate  | 1          | n                                | n + shift W                          |
 * | and       | 1          | 2 W a plane                      | W a plane                            |
 * | msb       | - + log2 L | (3h - 1) W                       | M W, then (2h - 1) W                 |
 * | isZero    | - + log2 L | 2h W                             | M W, then h W                        |
 * | toBits    | - + log2 L | 2 W an AND                       | M W, then W an AND                   |
 * | fromBits  | 1          | W                                | n                                    |
 * | weigh     | 1          | W a plane                        | n a plane                            |
 * | select    | 1          | W                                | 2n; 2n + shift W after a truncation  |
 * | reveal    | 1          | n                                |                                      |
 * | reshare, input | 0     |                                  |                                      |
 *
 * -: a delivery of the dealer, which is no round; the round of masks that are opened, where there are any. With h = L/2, L/4, …, 1
 * pairs of blocks in the levels of the tree. By keys: msb is a delivery, nothing between the parties, keys to both and 2n or 3n
 * words to the last; select of a value by its own sign: nothing.
 */
import { signAdder, zeroAdder } from "../adder/compare.js";
import { bitsAdder, sklansky } from "../adder/convert.js";
import { bySize, type Cost, type WordSize } from "../cost.js";
import { fieldWords, planeWords } from "../planes.js";
import type { Costs } from "../protocol.js";
import { correctionBytes } from "./dcf.js";
import { keyShape, MOST_KEYS } from "./sign-by-keys.js";

export const costs = (count: number, keys = false) => bySize((word) => costsOf(count, keys, word));

function costsOf(count: number, keys: boolean, word: WordSize): Costs {
  const { wordBytes, wordBits } = word;
  const each = (rounds: number, words: number, dealt: number): Cost => ({
    rounds,
    bytes: [...new Array<number>(count).fill((count - 1) * words * wordBytes), dealt * wordBytes],
  });
  const delivered = (rounds: number, words: number, dealt: number): Cost => ({
    ...each(rounds, words, dealt),
    delivery: true,
  });
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const halvings = (blocks: number) => {
    const pairs = [];
    for (let h = blocks / 2; h >= 1; h /= 2) pairs.push(h);
    return pairs;
  };
  /** To both parties the corrections of the keys, to the last one a word for each of the payload. */
  const byKeys = (n: number, width: number, rounded: boolean): Cost => {
    const { shape, columns } = keyShape(n, width, rounded, word);
    return { rounds: 0, delivery: true, bytes: [0, 0, 2 * correctionBytes(shape) + columns * n * wordBytes] };
  };
  return {
    wordBits,
    masks: {
      open: (n) => each(1, n, 0),
      rounded: (shift, width) => width <= wordBits - shift,
      ...(keys
        ? {
            msbRounded: (n, width) => (n <= MOST_KEYS ? byKeys(n, width, true) : undefined),
            selectsSigns: (n) => n <= MOST_KEYS,
          }
        : {}),
      selectRounded: (n, shift) => each(1, planeWords(n, word), 2 * n + fieldWords(n, shift, word)),
    },
    product: (n) => delivered(0, 0, n),
    separable: (n, terms) => delivered(0, 0, terms * n),
    reshare: () => each(0, 0, 0),
    truncate: (n, shift) => each(1, n, n + fieldWords(n, shift, word)),
    and: (n, width) => each(1, 2 * width * planeWords(n, word), width * planeWords(n, word)),
    msb(n, width) {
      if (keys && n <= MOST_KEYS) return byKeys(n, width, false);
      const adder = signAdder(n, width);
      const levels = halvings((adder.gates + 1) / 2);
      const W = planeWords(n, word);
      return delivered(
        levels.length,
        W * sum(levels.map((h) => 3 * h - 1)),
        W * (adder.monomials + sum(levels.map((h) => 2 * h - 1))),
      );
    },
    isZero(n, width) {
      const adder = zeroAdder(n, width);
      const levels = halvings(adder.gates);
      const W = planeWords(n, word);
      return delivered(levels.length, W * sum(levels.map((h) => 2 * h)), W * (adder.monomials + sum(levels)));
    },
    toBits(n, width) {
      const levels = sklansky(width).map((steps) => steps.length);
      const W = planeWords(n, word);
      return delivered(levels.length, W * 2 * sum(levels), W * (bitsAdder(width).monomials + sum(levels)));
    },
    fromBits: (n) => each(1, planeWords(n, word), n),
    weigh: (n, width) => each(1, width * planeWords(n, word), width * n),
    select: (n) => each(1, planeWords(n, word), 2 * n),
    input: () => each(0, 0, 0),
    reveal: (n) => each(1, n, 0),
    revealTo: (n, to) => ({
      rounds: 1,
      bytes: Array.from({ length: count + 1 }, (_, party) =>
        party < count && party !== to && to < count ? n * wordBytes : 0,
      ),
    }),
  };
}
