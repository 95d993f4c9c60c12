/** `separable` and `weigh`: a function with an addition theorem, weights, and the checks of their results. */
import type { ProtocolDefinition, Separable } from "../../src/protocol/index.js";
import type { Ring, Scope } from "../../src/ring/index.js";
import { agrees, SIZES } from "./agreement.js";
import { edgesAndRandom, PLANES, someWords } from "./cases.js";
import { free, reveal, share } from "./harness.js";

/** Two rows of weights for three planes. */
export const WEIGHTS = [
  [1n, 2n, 4n],
  [-5n, 0n, 2n ** 63n],
];

/** The rows x^2 and 5 x + 7, with 1, s and s^2 on the left. */
export function theorem({ kernels, wordBytes }: Ring, scope: Scope): Separable {
  return {
    terms: 3,
    outputs: 2,
    left(dst, s, n) {
      kernels.fill(dst, 1n, n);
      kernels.copy(dst + n * wordBytes, s, n);
      kernels.mul(dst + 2 * n * wordBytes, s, s, n);
    },
    right(dst, stride, c, g, n) {
      const factor = scope.alloc(n);
      const addRow = (row: number, k: number) =>
        kernels.mulAdd(dst + row * stride * wordBytes, g + k * n * wordBytes, factor.ptr, n);
      kernels.add(dst, dst, g + 2 * n * wordBytes, n);
      kernels.mulScalar(factor.ptr, c, 2n, n);
      addRow(0, 1);
      kernels.mul(factor.ptr, c, c, n);
      addRow(0, 0);
      kernels.mulScalarAdd(dst + stride * wordBytes, g + n * wordBytes, 5n, n);
      kernels.mulScalar(factor.ptr, c, 5n, n);
      kernels.addScalar(factor.ptr, factor.ptr, 7n, n);
      addRow(1, 0);
      scope.free(factor);
    },
  };
}

export function separableValues(definition: ProtocolDefinition): void {
  for (const n of [0, ...SIZES])
    for (const pivot of [0, 1, 2]) {
      const words = edgesAndRandom(n, 64, "separable");
      const expected = new BigUint64Array(2 * n);
      words.forEach((word, i) => {
        expected[i] = word * word;
        expected[n + i] = 5n * word + 7n;
      });
      agrees(definition, `x^2 and 5 x + 7, n = ${n}, pivot ${pivot}`, expected, (lab) => {
        const x = share(lab, words);
        const both = lab.call(
          (end, site) => end.protocol.separable(site, x[end.self]!, theorem(end.ring, site.scope)),
          pivot,
        ).values;
        const y = lab.call((end, site) => end.protocol.reshare(site, both[end.self]!)).values;
        const result = reveal(lab, y);
        free(lab, x, both, y);
        return result;
      });
    }
}

/** Of planes that were taken apart and joined again in another order. */
export function weighValues(definition: ProtocolDefinition): void {
  for (const n of [0, ...SIZES])
    for (const pivot of [0, 1, 2]) {
      const words = someWords(n, 64, "weigh");
      const expected = new BigUint64Array(WEIGHTS.length * n);
      for (const [row, weights] of WEIGHTS.entries())
        words.forEach((word, i) => {
          const bits = [(word >> 1n) & 1n, (word >> 2n) & 1n, word & 1n];
          expected[row * n + i] = weights.reduce((sum, weight, plane) => sum + weight * bits[plane]!, 0n);
        });
      agrees(definition, `weighed bits, n = ${n}, pivot ${pivot}`, expected, (lab) => {
        const x = share(lab, words);
        const bits = lab.call((end, site) => end.protocol.toBits(site, x[end.self]!, PLANES)).values;
        const plane = (from: number, count: number) =>
          lab.call((end, site) => end.protocol.planes(site, bits[end.self]!, from, count)).values;
        const [low, high] = [plane(0, 1), plane(1, 2)];
        const moved = lab.call((end, site) => end.protocol.join(site, [high[end.self]!, low[end.self]!])).values;
        const sums = lab.call((end, site) => end.protocol.weigh(site, moved[end.self]!, WEIGHTS), pivot).values;
        const y = lab.call((end, site) => end.protocol.reshare(site, sums[end.self]!)).values;
        const result = reveal(lab, y);
        free(lab, x, bits, low, high, moved, sums, y);
        return result;
      });
    }
}
