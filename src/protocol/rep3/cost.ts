/**
 * What each primitive of rep3 costs, as formulas in n, width, shift and the pivot. Not measured: the conformance suite
 * asserts that the traffic equals them exactly.
 *
 * Notation: W = ceil(n/64) words in a plane (of 32 bits: twice as many), F = shift W words of fields; sums over the three pieces
 * where n > 16384. Formulas give words by role; role r of pivot p is party (p - 1 + r) mod 3.
 *
 * | primitive | rounds        | words sent by roles 0, 1, 2                        | source |
 * | reshare   | 1             | n, n, n                                            | Araki et al. 2016 |
 * | separable | 1             | n a term, 0, 0                                     | separable.ts |
 * | truncate  | 2             | n + F, n + 2F, n + F                               | docs/decisions/0004 |
 * | stages    | 1 each        | n + F, 0, n + F, then 0, n + 2F, 0                 | truncate.ts |
 * | and       | 1             | wW each                                            | Araki et al. 2016 |
 * | msb       | 2 + log2 L    | M W, (2L-1) W, (2L-1) W; and (2(L-1) - log2 L) W each | adder.ts, tree of ABY3 2018 |
 * | isZero    | 2 + log2 L    | M W, L W, L W; and (L-1) W each                    | adder.ts |
 * | toBits    | 2 + log2 L    | M W, G W, G W; and the ANDs of Sklansky's levels, W each | adder.ts, Sklansky 1960 |
 * | fromBits  | 2             | n, n, n                                            | ABY3 2018, 5.4 |
 * | weigh     | 1             | n a plane, 0, 0                                    | separable.ts |
 * | select    | 2             | 2n, n, n                                           | ABY3 2018, 5.4 |
 * | input     | 1             | the owner n                                        | Araki et al. 2016 |
 * | reveal    | 1             | n each; to one party: n from the one before it     | Araki et al. 2016 |
 *
 * L is the number of blocks into which the bits are cut (8 at width 32), M the number of shared products (the sum of
 * 2^bits - 1 over the blocks, and the sign bit), G the number of first carries.
 */
import { signAdder, zeroAdder } from "../adder/compare.js";
import { bitsAdder, sklansky } from "../adder/convert.js";
import type { Adder } from "../adder/layout.js";
import { bySize, type Cost, type WordSize } from "../cost.js";
import { fieldWords, planeWords } from "../planes.js";
import type { Costs } from "../protocol.js";
import { pieces } from "./share.js";

/** With more elements, one party having most of the work of two primitives at once costs more than a round. */
const FEW = 8192;

/** The cost of a primitive with roles, from the words that roles 0, 1, 2 send for a piece of n elements. */
function byRole(
  { wordBytes }: WordSize,
  n: number,
  pivot: number,
  rounds: number,
  words: (n: number) => readonly [number, number, number],
): Cost {
  const bytes = [0, 0, 0];
  for (const piece of pieces(n, pivot)) {
    const sent = words(piece.n);
    for (let role = 0; role < 3; role++) bytes[(piece.pivot + 2 + role) % 3]! += sent[role]! * wordBytes;
  }
  return { rounds, bytes };
}

/** The first rounds of an adder, then levels of ANDs on whole planes. */
function onPlanes(word: WordSize, n: number, pivot: number, adder: Adder, levels: readonly number[]): Cost {
  const first = byRole(word, n, pivot, adder.gates > 0 ? 2 : 1, (size) => {
    const words = planeWords(size, word);
    return [adder.monomials * words, adder.gates * words, adder.gates * words];
  });
  const ands = levels.reduce((sum, level) => sum + level, 0) * planeWords(n, word) * word.wordBytes;
  return { rounds: first.rounds + levels.length, bytes: first.bytes.map((bytes) => bytes + ands) };
}
/** f(count/2), f(count/4), …, f(1). */
function halving(count: number, planes: (pairs: number) => number): number[] {
  const levels = [];
  for (let pairs = count / 2; pairs >= 1; pairs /= 2) levels.push(planes(pairs));
  return levels;
}

export const costs = bySize((word): Costs => {
  const { wordBytes, wordBits } = word;
  const each = (rounds: number, words: number): Cost => ({ rounds, bytes: new Array(3).fill(words * wordBytes) });
  const from = (rounds: number, party: number, words: number): Cost => ({
    rounds,
    bytes: [0, 1, 2].map((index) => (index === party % 3 ? words * wordBytes : 0)),
  });
  return {
    wordBits,
    product: () => each(0, 0),
    separable: (n, terms, _outputs, pivot) => byRole(word, n, pivot, 1, (size) => [terms * size, 0, 0]),
    reshare: (n) => each(1, n),
    truncate: (n, shift, pivot) =>
      byRole(word, n, pivot, 2, (size) => {
        const fields = fieldWords(size, shift, word);
        return [size + fields, size + 2 * fields, size + fields];
      }),
    stages: {
      begin: (n, shift, pivot) =>
        byRole(word, n, pivot, 1, (size) => {
          const sent = size + fieldWords(size, shift, word);
          return [sent, 0, sent];
        }),
      end: (n, shift, pivot) => byRole(word, n, pivot, 1, (size) => [0, size + 2 * fieldWords(size, shift, word), 0]),
      pivotBetween: (pivot) => pivot + 1,
      mostElements: FEW,
    },
    and: (n, width) => each(1, width * planeWords(n, word)),
    msb(n, width, pivot) {
      const adder = signAdder(n, width);
      return onPlanes(
        word,
        n,
        pivot,
        adder,
        halving((adder.gates + 1) / 2, (pairs) => 2 * pairs - 1),
      );
    },
    isZero(n, width, pivot) {
      const adder = zeroAdder(n, width);
      return onPlanes(
        word,
        n,
        pivot,
        adder,
        halving(adder.gates, (pairs) => pairs),
      );
    },
    toBits: (n, width, pivot) =>
      onPlanes(
        word,
        n,
        pivot,
        bitsAdder(width),
        sklansky(width).map((level) => level.length),
      ),
    fromBits: (n, pivot) => byRole(word, n, pivot, 2, (size) => [size, size, size]),
    weigh: (n, width, _outputs, pivot) => byRole(word, n, pivot, 1, (size) => [width * size, 0, 0]),
    select: (n, pivot) => byRole(word, n, pivot, 2, (size) => [2 * size, size, size]),
    input: (n, owner) => from(1, owner, n),
    reveal: (n) => each(1, n),
    revealTo: (n, to) => from(1, to + 2, n),
  };
});
