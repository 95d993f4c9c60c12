/** Bit planes of the readable twin, one bit or one word at a time. Not the fast kernels. */
import type { Kernels } from "../kernels.js";
import { i32s, type TwinMemory, u64s, words } from "./views.js";

export function bits(
  memory: TwinMemory,
): Pick<Kernels, "slice" | "unslice" | "funnel" | "nonNegative" | "addFields" | "copyBits" | "gatherBits"> {
  const wordBits = 8 * memory.wordBytes;
  const all = () => u64s(memory, 0, memory.buffer.byteLength / 8);
  const bitAt = (plane: number, at: number) => (all()[plane / 8 + Math.floor(at / 64)]! >> BigInt(at % 64)) & 1n;
  const setBit = (plane: number, at: number, bit: bigint) => {
    const place = BigInt(at % 64);
    const word = plane / 8 + Math.floor(at / 64);
    all()[word] = (all()[word]! & ~(1n << place)) | (bit << place);
  };
  return {
    copyBits(dst, to, src, from, n) {
      const bits = Array.from({ length: n }, (_, i) => bitAt(src, from + i));
      for (const [i, bit] of bits.entries()) setBit(dst, to + i, bit);
    },
    gatherBits(dst, src, from, rank, dims, strides) {
      const [d, s] = [i32s(memory, dims, rank), i32s(memory, strides, rank)];
      const total = d.reduce((product, dim) => product * dim, 1);
      all().fill(0n, dst / 8, dst / 8 + Math.ceil(total / 64));
      for (let i = 0; i < total; i++) {
        let [rest, at] = [i, from];
        for (let axis = rank - 1; axis >= 0; axis--) {
          at += (rest % d[axis]!) * s[axis]!;
          rest = Math.floor(rest / d[axis]!);
        }
        setBit(dst, i, bitAt(src, at));
      }
    },
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
