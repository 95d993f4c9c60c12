/** Checks of results on bits: comparisons, conversions, gates and select. Part of the conformance suite. */
import { type Bits, type ProtocolDefinition, planeWords } from "../../src/protocol/index.js";
import { agrees, revealBits, revealPlane, SIZES } from "./agreement.js";
import { edgesAndRandom, someWords, times } from "./cases.js";
import { free, type Lab, reveal, share, wordBitsOf } from "./harness.js";

/** Those widths that a word has. */
const upTo = (definition: ProtocolDefinition, widths: readonly number[]) =>
  widths.filter((width) => width <= wordBitsOf(definition));

export function msbValues(definition: ProtocolDefinition): void {
  for (const width of upTo(definition, [2, 3, 16, 31, 32, 33, 37, 48, 63, 64]))
    planeValues(definition, "msb", width, (n) => {
      const words = edgesAndRandom(n, width, `msb ${width}`);
      return { words, expected: words.map((word) => word >> 63n) };
    });
}

/** isZero looks at the low bits only: the others may be anything. */
export function zeroValues(definition: ProtocolDefinition): void {
  for (const width of upTo(definition, [1, 2, 5, 32, 37, 64]))
    planeValues(definition, "isZero", width, (n) => {
      const low = edgesAndRandom(n, Math.max(2, width), `isZero ${width}`).map((word) => BigInt.asUintN(width, word));
      const expected = low.map((word) => (word === 0n ? 1n : 0n));
      const above = BigInt(width);
      const words = someWords(n, 64, "high").map((high, i) => ((high >> above) << above) | low[i]!);
      return { words, expected };
    });
}

function planeValues(
  definition: ProtocolDefinition,
  primitive: "msb" | "isZero",
  width: number,
  make: (n: number) => { words: BigUint64Array; expected: BigUint64Array },
): void {
  for (const [pivot, n] of SIZES.entries()) {
    const { words, expected } = make(n);
    agrees(definition, `${primitive} at width ${width}, n = ${n}`, expected, (lab) => {
      const x = share(lab, words);
      const bits = lab.call((end, site) => end.protocol[primitive](site, x[end.self]!, width), pivot).values;
      const result = revealPlane(lab, bits);
      free(lab, x, bits);
      return result;
    });
  }
}

export function bitsValues(definition: ProtocolDefinition): void {
  for (const width of upTo(definition, [1, 2, 3, 5, 6, 9, 17, 20, 32, 33, 64]))
    for (const [pivot, n] of SIZES.entries()) {
      const words = edgesAndRandom(n, 64, `bits ${width}`);
      const expected = words.map((word) => BigInt.asUintN(width, word));
      agrees(definition, `toBits at width ${width}, n = ${n}`, expected, (lab) => {
        const x = share(lab, words);
        const bits = lab.call((end, site) => end.protocol.toBits(site, x[end.self]!, width), pivot).values;
        const result = revealBits(lab, bits);
        free(lab, x, bits);
        return result;
      });
    }
}

/** not((x and y) xor y) on seven planes. */
export function booleanValues(definition: ProtocolDefinition): void {
  for (const n of SIZES) {
    const inputs = ["x", "y"].map((text) => someWords(n, 64, text)) as [BigUint64Array, BigUint64Array];
    const expected = inputs[0].map((word, i) => BigInt.asUintN(7, ~((word & inputs[1][i]!) ^ inputs[1][i]!)));
    agrees(definition, `gates on ${n} elements`, expected, (lab) => {
      const [x, y] = inputs.map((words, index) => {
        const shares = share(lab, words, `${index}`);
        const bits = lab.call((end, site) => end.protocol.toBits(site, shares[end.self]!, 7)).values;
        free(lab, shares);
        return bits;
      }) as [Bits[], Bits[]];
      const both = lab.call((end, site) => end.protocol.and(site, x[end.self]!, y[end.self]!)).values;
      const mixed = lab.call((end, site) => end.protocol.xor(site, both[end.self]!, y[end.self]!)).values;
      const inverse = lab.call((end, site) => end.protocol.not(site, mixed[end.self]!)).values;
      const result = revealBits(lab, inverse);
      free(lab, x, y, both, mixed, inverse);
      return result;
    });
  }
}

/** Two values' bits are put together in another order, in two planes: x backwards XOR y, and y. */
export function movedBitsValues(definition: ProtocolDefinition): void {
  for (const n of SIZES) {
    const inputs = ["x", "y"].map((text) => someWords(n, 64, text)) as [BigUint64Array, BigUint64Array];
    const expected = inputs[0].map((_, i) => {
      const y = inputs[1][i]! & 1n;
      return (2n * y) | ((inputs[0][n - 1 - i]! & 1n) ^ y);
    });
    agrees(definition, `${n} bits moved`, expected, (lab) => {
      const [x, y] = inputs.map((words, index) => {
        const shares = share(lab, words, `${index}`);
        const bits = lab.call((end, site) => end.protocol.toBits(site, shares[end.self]!, 1)).values;
        free(lab, shares);
        return bits;
      }) as [Bits[], Bits[]];
      const moved = lab.call((end, site) =>
        end.protocol.linearBits(site, [x[end.self]!, y[end.self]!], n, 2, (dst, [p, q]) => {
          const { kernels } = end.ring;
          const words = planeWords(n, kernels);
          for (let i = 0; i < n; i++) kernels.copyBits(dst.ptr, i, p!.ptr, n - 1 - i, 1);
          kernels.xor(dst.ptr, dst.ptr, q!.ptr, words);
          kernels.copy(dst.ptr + words * kernels.wordBytes, q!.ptr, words);
        }),
      ).values;
      const result = revealBits(lab, moved);
      free(lab, x, y, moved);
      return result;
    });
  }
}

/** The selected words, then the bits as words. */
export function selectValues(definition: ProtocolDefinition): void {
  for (const n of [...SIZES, 100_000])
    for (const pivot of n > 20000 ? [0] : [0, 1, 2]) {
      const [words, choices] = [edgesAndRandom(n, 64, "select"), someWords(n, 64, "choice")];
      const expected = new BigUint64Array(2 * n);
      for (let i = 0; i < n; i++) {
        expected[n + i] = choices[i]! & 1n;
        expected[i] = expected[n + i]! * words[i]!;
      }
      agrees(definition, `select of ${n}, pivot ${pivot}`, expected, (lab) => {
        const x = share(lab, words);
        const choice = share(lab, choices, "choice");
        const bit = lab.call((end, site) => end.protocol.toBits(site, choice[end.self]!, 1)).values;
        const y = lab.call((end, site) => end.protocol.select(site, bit[end.self]!, x[end.self]!), pivot).values;
        const ones = lab.call((end, site) => end.protocol.fromBits(site, bit[end.self]!), pivot).values;
        const result = new BigUint64Array(2 * n);
        result.set(reveal(lab, y));
        result.set(reveal(lab, ones), n);
        free(lab, x, choice, bit, y, ones);
        return result;
      });
    }
}

/**
 * ReLU as networks use it: the value by its own sign and by the opposite, another value by that sign, and the bit as a word;
 * for values that nobody has looked at, for results of a truncation, and for those whose mask is open, too.
 */
export function signValues(definition: ProtocolDefinition): void {
  const wide = wordBitsOf(definition) === 64;
  // A truncation leaves 48 bits to see, or 22; the last size is more than comparison keys are used for.
  const [by, usual] = wide ? [16, 32] : [10, 18];
  const widths = (wide ? [8, 16, 31, 33, 40] : [8, 15, 20]).map((width) => [65, width, width] as const);
  const sizes = [1, 65, 5000, 32769].map((n) => [n, usual, usual] as const);
  const looks = wide
    ? ([
        [65, 40, 60],
        [65, 40, 48],
      ] as const)
    : ([
        [65, 20, 28],
        [65, 20, 22],
      ] as const);
  for (const [n, width, look] of [...looks, ...widths, ...sizes])
    for (const [shift, open] of [
      [0, false],
      [by, false],
      [by, true],
    ] as const) {
      const [words, others] = [edgesAndRandom(n, width, "own sign"), someWords(n, 64, "other")];
      const positive = words.map((word) => (word >> 63n) ^ 1n);
      const expected = [
        words.map((word, i) => positive[i]! * word),
        words.map((word, i) => (1n - positive[i]!) * word),
        others.map((word, i) => positive[i]! * word),
        positive,
      ].flatMap((list) => [...list]);
      const what = `sign of ${n} at width ${look} after ${shift ? "a truncation" : "nothing"}${open ? " and a product" : ""}`;
      agrees(definition, what, BigUint64Array.from(expected), (lab) => {
        const y = share(lab, others, "other");
        // Multiples, of which a truncation is exact.
        const z = share(
          lab,
          words.map((word) => word << BigInt(shift)),
        );
        const x = shift ? truncated(lab, z, shift) : z;
        if (open)
          free(
            lab,
            lab.call((end, site) => end.protocol.product(site, x[end.self]!, x[end.self]!, n, times(end.ring, n)))
              .values,
          );
        const negative = lab.call((end, site) => end.protocol.msb(site, x[end.self]!, look)).values;
        const bits = lab.call((end, site) => end.protocol.not(site, negative[end.self]!)).values;
        const select = (by: readonly Bits[], of: typeof x) =>
          lab.call((end, site) => end.protocol.select(site, by[end.self]!, of[end.self]!)).values;
        const results = [
          select(bits, x),
          select(negative, x),
          select(bits, y),
          lab.call((end, site) => end.protocol.fromBits(site, bits[end.self]!)).values,
        ];
        const revealed = results.flatMap((result) => [...reveal(lab, result)]);
        free(lab, y, z, negative, bits, ...results);
        if (shift) free(lab, x);
        return BigUint64Array.from(revealed);
      });
    }
}

function truncated(lab: Lab, x: ReturnType<typeof share>, shift: number): ReturnType<typeof share> {
  const lifted = lab.call((end, site) => end.protocol.lift(site, x[end.self]!)).values;
  const result = lab.call((end, site) => end.protocol.truncate(site, lifted[end.self]!, shift)).values;
  free(lab, lifted);
  return result;
}
