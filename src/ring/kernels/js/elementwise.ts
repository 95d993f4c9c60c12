/** Element-wise operations of the readable twin, each as a function of one word. Not the fast kernels. */
import type { Kernels } from "../kernels.js";
import { type TwinMemory, u64s, words } from "./views.js";

type Elementwise = Pick<
  Kernels,
  | "add"
  | "sub"
  | "neg"
  | "mul"
  | "mulAdd"
  | "addScalar"
  | "mulScalar"
  | "mulScalarAdd"
  | "fill"
  | "copy"
  | "shl"
  | "shr"
  | "sar"
  | "xor"
  | "and"
  | "or"
  | "not"
  | "andScalar"
  | "andXor"
  | "andLocal"
  | "reduce"
>;

export function elementwise(memory: TwinMemory): Elementwise {
  const unary = (dst: number, a: number, n: number, f: (x: bigint, old: bigint) => bigint) => {
    const [d, x] = [words(memory, dst, n), words(memory, a, n)];
    for (let i = 0; i < n; i++) d[i] = f(x[i]!, d[i]!);
  };
  const binary = (dst: number, a: number, b: number, n: number, f: (x: bigint, y: bigint, old: bigint) => bigint) => {
    const [d, x, y] = [words(memory, dst, n), words(memory, a, n), words(memory, b, n)];
    for (let i = 0; i < n; i++) d[i] = f(x[i]!, y[i]!, d[i]!);
  };
  return {
    add: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x + y),
    sub: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x - y),
    neg: (dst, a, n) => unary(dst, a, n, (x) => -x),
    mul: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x * y),
    mulAdd: (dst, a, b, n) => binary(dst, a, b, n, (x, y, old) => old + x * y),
    addScalar: (dst, a, c, n) => unary(dst, a, n, (x) => x + c),
    mulScalar: (dst, a, c, n) => unary(dst, a, n, (x) => x * c),
    mulScalarAdd: (dst, a, c, n) => unary(dst, a, n, (x, old) => old + x * c),
    fill: (dst, c, n) => void words(memory, dst, n).fill(c),
    copy: (dst, a, n) => unary(dst, a, n, (x) => x),
    shl: (dst, a, bits, n) => unary(dst, a, n, (x) => x << BigInt(bits)),
    shr: (dst, a, bits, n) => unary(dst, a, n, (x) => x >> BigInt(bits)),
    sar: (dst, a, bits, n) => unary(dst, a, n, (x) => BigInt.asIntN(8 * memory.wordBytes, x) >> BigInt(bits)),
    xor: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x ^ y),
    and: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x & y),
    or: (dst, a, b, n) => binary(dst, a, b, n, (x, y) => x | y),
    not: (dst, a, n) => unary(dst, a, n, (x) => ~x),
    andScalar: (dst, a, mask, n) => unary(dst, a, n, (x) => x & mask),
    andXor: (dst, a, b, n) => binary(dst, a, b, n, (x, y, old) => old ^ (x & y)),
    reduce(dst, src, n) {
      const values = u64s(memory, src, n).slice();
      const d = words(memory, dst, n);
      for (let i = 0; i < n; i++) d[i] = values[i]!;
    },
    andLocal(dst, x0, x1, y0, y1, mask, n) {
      const d = words(memory, dst, n);
      const [p, q, r, s, z] = [x0, x1, y0, y1, mask].map((ptr) => words(memory, ptr, n));
      for (let i = 0; i < n; i++) d[i] = (p![i]! & (r![i]! ^ s![i]!)) ^ (q![i]! & r![i]!) ^ z![i]!;
    },
  };
}
