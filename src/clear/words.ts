/**
 * Float64 meanings of operators that are defined on words, not on numbers: powers of two and waves by addition theorems, highest
 * and lowest bits. Sums of waves are evaluated as they were recorded: a twin shows rounding, not a fit's own error.
 */
import { octaveBits } from "../ops/index.js";
import { highDigits, radix } from "../ops/leading.js";
import type { ClearContext, Meanings, Reals } from "./meaning.js";

type Some = Pick<Meanings, "exp2" | "leading" | "octaves" | "waves" | "lowBits">;

/** The exponent that a word stands for: word factor / 2^59. */
const exponents = ({ types }: ClearContext, x: Reals, factor: number): Reals => {
  const unit = factor * 2 ** (types.inputs[0]!.scale - 59);
  return x.map((value) => value * unit);
};

/** The position of the highest bit of a whole number above 0, exactly. */
function highestBit(word: number): number {
  let bit = Math.floor(Math.log2(word));
  while (2 ** (bit + 1) <= word) bit++;
  while (2 ** bit > word) bit--;
  return bit;
}

export const words: Some = {
  exp2(context, [x], { factor, top }) {
    return exponents(context, x!, factor).map((y, i) => {
      if (y < top - 24 || y >= top) context.outside(i);
      return 2 ** Math.min(y, top);
    });
  },
  octaves(context, [x], { factor, top }) {
    const n = x!.length;
    const out = new Float64Array(2 * n);
    const { scale } = context.types.output;
    exponents(context, x!, factor).forEach((y, i) => {
      if (y < top - 29 || y >= top) for (const at of [i, n + i]) context.outside(at);
      const whole = Math.floor(Math.min(y, top));
      out[i] = 2 ** (whole + 30 - top + octaveBits - scale);
      out[n + i] = 2 ** (Math.min(y, top) - whole + 28 + octaveBits - scale);
    });
    return out;
  },
  waves({ types }, [x], { factor, by, bits, cos, sin }) {
    const turns = factor * 2 ** (types.inputs[0]!.scale - 64);
    return x!.map((value) => {
      const at = value * turns;
      const angle = 2 * Math.PI * (at - Math.floor(at));
      let [c, s] = [Math.cos(angle), Math.sin(angle)];
      const [stepCos, stepSin] = by === 1 ? [c, s] : [Math.cos(2 * angle), Math.sin(2 * angle)];
      let sum = 0;
      for (let k = 0; k < cos.length; k++) {
        sum += cos[k]! * c + sin[k]! * s;
        const next = c * stepCos - s * stepSin;
        s = s * stepCos + c * stepSin;
        c = next;
      }
      return sum / 2 ** bits;
    });
  },
  leading(context, [x], { width, signed, rows, low, high }) {
    const n = x!.length;
    const unit = 2 ** context.types.inputs[0]!.scale;
    const digits = highDigits(width);
    const out = new Float64Array((rows + (signed ? 1 : 0)) * n);
    for (let i = 0; i < n; i++) {
      const word = Math.round(x![i]! * unit);
      const negative = signed && word < 0;
      const magnitude = negative ? -word - 1 : word;
      if (signed) out[rows * n + i] = negative ? 1 : 0;
      if (magnitude === 0) continue;
      const known = magnitude < 2 ** width && magnitude > 0;
      const m = known ? highestBit(magnitude) : 0;
      for (let row = 0; row < rows; row++) {
        const digit = m % radix;
        const lower = digit === 0 ? 0 : low[row * (radix - 1) + digit - 1]!;
        out[row * n + i] = lower + high[row * digits + Math.floor(m / radix)]!;
        if (!known) context.outside(row * n + i);
      }
    }
    return out;
  },
  lowBits({ types }, [x], { count }) {
    const [unit, modulus] = [2 ** types.inputs[0]!.scale, 2 ** count];
    return x!.map((value) => {
      const word = Math.round(value * unit);
      return word - modulus * Math.floor(word / modulus);
    });
  },
};
