/** Bit planes of the readable twin, one bit or one word at a time. Not the fast kernels. */
import type { Kernels } from "../kernels.js";
import { type TwinMemory, u64s, words } from "./views.js";

export function bits(memory: TwinMemory): Pick<Kernels, "slice" | "unslice" | "funnel" | "nonNegative" | "addFields"> {
  const wordBits = 8 * memory.wordBytes;
  return {
    slice(dst, src, n, width) {
      const perPlane = Math.ceil(n / 64);
      const [planes, values] = [u64s(memory, dst, perPlane * width), words(memory, src, n)];
      planes.fill(0n);
      for (let p = 0; p < width; p++)
        for (let i = 0; i < n; i++) {
          const bit = (values[i]! >> BigInt(p)) & 1n;
          planes[p * perPlane + Math.floor(i / 64)]! |= bit << BigInt(i % 64);
        }
    },
    unslice(dst, planes, n, width) {
      const perPlane = Math.ceil(n / 64);
      const [values, source] = [words(memory, dst, n), u64s(memory, planes, perPlane * width)];
      values.fill(0n);
      for (let p = 0; p < width; p++)
        for (let i = 0; i < n; i++) {
          const bit = (source[p * perPlane + Math.floor(i / 64)]! >> BigInt(i % 64)) & 1n;
          values[i]! |= bit << BigInt(p);
        }
    },
    funnel(dst, src, planes, n, shift) {
      const perPlane = Math.ceil(n / 64);
      const [to, from, field] = [words(memory, dst, n), words(memory, src, n), u64s(memory, planes, perPlane * shift)];
      for (let i = 0; i < n; i++) {
        let value = from[i]!;
        for (let p = 0; p < shift; p++) {
          const bit = (field[p * perPlane + Math.floor(i / 64)]! >> BigInt(i % 64)) & 1n;
          value |= bit << BigInt(wordBits + p);
        }
        to[i] = value >> BigInt(shift);
      }
    },
    nonNegative(dst, src, n) {
      const [plane, values] = [u64s(memory, dst, Math.ceil(n / 64)), words(memory, src, n)];
      plane.fill(0n);
      for (let i = 0; i < n; i++)
        plane[Math.floor(i / 64)]! |= (1n - (values[i]! >> BigInt(wordBits - 1))) << BigInt(i % 64);
    },
    addFields(dst, x, mask, y, carry, wordsPerPlane, width) {
      const perPlane = (wordsPerPlane * memory.wordBytes) / 8;
      const [to, left, right] = [dst, x, y].map((ptr) => u64s(memory, ptr, perPlane * width)) as BigUint64Array[];
      const [chosen, first] = [mask, carry].map((ptr) => (ptr === 0 ? undefined : u64s(memory, ptr, perPlane)));
      for (let at = 0; at < perPlane; at++) {
        let c = first ? first[at]! : 0n;
        for (let i = at; i < perPlane * width; i += perPlane) {
          const [a, b] = [chosen ? left![i]! & chosen[at]! : left![i]!, right![i]!];
          to![i] = a ^ b ^ c;
          c = (a & b) | (c & (a ^ b));
        }
      }
    },
  };
}
