/**
 * Powers of two and waves of the readable twin, one word at a time: the same double operations in the same order as the fast
 * kernels, since results must be equal to the last bit.
 */
import type { KernelSets, LinearMemory } from "../kernels.js";
import { u64s as words } from "./views.js";

/** The value of c_n + z (c_{n-1} + z (…)), coefficients from the highest down. */
const horner = (coefficients: readonly number[], z: number): number =>
  coefficients.reduce((sum, coefficient) => sum * z + coefficient);
/** 1/n! for each n, by sign. */
const series = (from: number, by: number, sign: number): number[] => {
  const list: number[] = [];
  for (let n = from; n >= 0; n -= by) {
    let value = 1;
    for (let i = 2; i <= n; i++) value *= i;
    list.push(sign < 0 && Math.floor(n / 2) % 2 === 1 ? -1 / value : 1 / value);
  }
  return list;
};
const exponential = series(10, 1, 1);
const sine = series(13, 2, -1);
const cosine = series(14, 2, -1);

/** To the nearest integer, ties to even. */
function nearest(x: number): bigint {
  const magic = 6755399441055744;
  return BigInt(x + magic - magic);
}

/** Angles and their multiples: calls visit(row, cosine, sine) for the waves 1, 1 + by, … of y turns / 2^64. */
function turn(y: bigint, by: number, count: number, visit: (row: number, c: number, s: number) => void): void {
  const angle = Number(BigInt.asIntN(64, y) >> 12n) * 3.487868498008632e-16;
  const square = angle * angle;
  let s = horner(sine, square) * angle;
  let c = horner(cosine, square);
  const doubled = (): [number, number] => [1 - s * s * 2, s * c * 2];
  [c, s] = doubled();
  [c, s] = doubled();
  const [stepCos, stepSin] = by === 2 ? doubled() : [c, s];
  for (let row = 0; row < count; row++) {
    visit(row, c, s);
    [c, s] = [c * stepCos - s * stepSin, s * stepCos + c * stepSin];
  }
}

/** 2^(f - 1/2) for the fraction f of y. */
function fractionPower(y: bigint): number {
  const fraction = Number(BigInt.asUintN(59, y) >> 7n) / 2 ** 52;
  return horner(exponential, (fraction + 1 - 1.5) * Math.LN2);
}
/** 2^(y mod 8). */
const octavePower = (y: bigint): number => fractionPower(y) * Math.SQRT2 * 2 ** Number((y >> 59n) & 7n);

type Waves = Pick<KernelSets, "octaves" | "powers" | "powersAdd" | "waves" | "wavesAdd">;

export function waves(memory: LinearMemory): Waves {
  return {
    octaves(dst, x, n, factor, offset) {
      const [to, from] = [words(memory, dst, 2 * n), words(memory, x, n)];
      for (let i = 0; i < n; i++) {
        const y = BigInt.asUintN(64, from[i]! * factor + offset);
        to[i] = 1n << (y >> 59n);
        to[n + i] = nearest(fractionPower(y) * 1518500249.988025);
      }
    },
    powers(dst, x, n, factor) {
      const [to, from] = [words(memory, dst, 4 * n), words(memory, x, n)];
      for (let i = 0; i < n; i++) {
        const y = BigInt.asUintN(64, from[i]! * factor);
        for (let t = 0; t < 4; t++) to[t * n + i] = t === Number(y >> 62n) ? nearest(octavePower(y) * 2 ** 24) : 0n;
      }
    },
    powersAdd(dst, x, g, n, factor, offset) {
      const [to, from, rows] = [words(memory, dst, n), words(memory, x, n), words(memory, g, 4 * n)];
      for (let i = 0; i < n; i++) {
        const y = BigInt.asUintN(64, from[i]! * factor + offset);
        for (let t = 0; t < 4; t++) {
          const octaves = 8 * ((t + Number(y >> 62n) + 3) % 4) - 24;
          to[i]! += rows[t * n + i]! * nearest(octavePower(y) * 2 ** 29 * 2 ** octaves);
        }
      }
    },
    waves(dst, x, n, factor, by, count, bits) {
      const [to, from] = [words(memory, dst, 2 * count * n), words(memory, x, n)];
      for (let i = 0; i < n; i++)
        turn(from[i]! * factor, by, count, (row, c, s) => {
          to[2 * row * n + i] = BigInt.asUintN(64, nearest(c * 2 ** bits));
          to[(2 * row + 1) * n + i] = BigInt.asUintN(64, nearest(s * 2 ** bits));
        });
    },
    wavesAdd(dst, x, g, n, factor, by, count, coefficients) {
      const [to, from, rows] = [words(memory, dst, n), words(memory, x, n), words(memory, g, 2 * count * n)];
      const list = new Float64Array(memory.buffer, coefficients, 2 * count);
      for (let i = 0; i < n; i++)
        turn(from[i]! * factor, by, count, (row, c, s) => {
          const [a, b] = [list[2 * row]!, list[2 * row + 1]!];
          to[i]! +=
            rows[2 * row * n + i]! * nearest(a * c + b * s) + rows[(2 * row + 1) * n + i]! * nearest(b * c - a * s);
        });
    },
  };
}
