/** Bit planes and bit packing of the readable twin, one bit or one word at a time. Not the fast kernels. */
import type { Kernels, LinearMemory } from "../kernels.js";
import { words } from "./views.js";

export function bits(memory: LinearMemory): Pick<Kernels, "slice" | "unslice" | "pack" | "unpack"> {
  return {
    slice(dst, src, n, width) {
      const perPlane = Math.ceil(n / 64);
      const [planes, values] = [words(memory, dst, perPlane * width), words(memory, src, n)];
      planes.fill(0n);
      for (let p = 0; p < width; p++)
        for (let i = 0; i < n; i++) {
          const bit = (values[i]! >> BigInt(p)) & 1n;
          planes[p * perPlane + Math.floor(i / 64)]! |= bit << BigInt(i % 64);
        }
    },
    unslice(dst, planes, n, width) {
      const perPlane = Math.ceil(n / 64);
      const [values, source] = [words(memory, dst, n), words(memory, planes, perPlane * width)];
      values.fill(0n);
      for (let p = 0; p < width; p++)
        for (let i = 0; i < n; i++) {
          const bit = (source[p * perPlane + Math.floor(i / 64)]! >> BigInt(i % 64)) & 1n;
          values[i]! |= bit << BigInt(p);
        }
    },
    pack(dst, src, n, width) {
      const [packed, values] = [words(memory, dst, Math.ceil((n * width) / 64)), words(memory, src, n)];
      packed.fill(0n);
      for (let i = 0; i < n; i++) {
        const value = BigInt.asUintN(width, values[i]!);
        const [at, shift] = [Math.floor((i * width) / 64), (i * width) % 64];
        packed[at]! |= value << BigInt(shift);
        if (shift + width > 64) packed[at + 1]! |= value >> BigInt(64 - shift);
      }
    },
    unpack(dst, src, n, width) {
      const [values, packed] = [words(memory, dst, n), words(memory, src, Math.ceil((n * width) / 64))];
      for (let i = 0; i < n; i++) {
        const [at, shift] = [Math.floor((i * width) / 64), (i * width) % 64];
        let value = packed[at]! >> BigInt(shift);
        if (shift + width > 64) value |= packed[at + 1]! << BigInt(64 - shift);
        values[i] = BigInt.asUintN(width, value);
      }
    },
  };
}
