/** Float64 meanings of arithmetic, logic and changes of scale, element by element. No sums, no moves. */
import { size } from "../ring/index.js";
import type { Meanings, Reals } from "./meaning.js";

type Some = Pick<
  Meanings,
  | ("add" | "sub" | "neg" | "mul" | "rescale" | "truncate" | "reshare" | "lift" | "narrow" | "secret")
  | ("isNegative" | "isZero" | "not" | "and" | "xor" | "fromBits" | "select" | "choose")
>;

const same = (_: unknown, [x]: readonly Reals[]): Reals => x!;
function zip(x: Reals, y: Reals, of: (x: number, y: number) => number): Reals {
  const out = new Float64Array(x.length);
  for (let i = 0; i < out.length; i++) out[i] = of(x[i]!, y[i]!);
  return out;
}
/** A unit of float64's own rounding, in units of the word: what is so near to zero is zero. */
const tiny = 2 ** -20;

export const elementwise: Some = {
  add: (_, [x, y]) => zip(x!, y!, (p, q) => p + q),
  sub: (_, [x, y]) => zip(x!, y!, (p, q) => p - q),
  neg: (_, [x]) => x!.map((value) => -value),
  mul({ types }, [x, y]) {
    const n = size(types.output.shape);
    // A public factor may be a single number.
    const [p, q] = x!.length === n ? [x!, y!] : [y!, x!];
    const [factor] = q;
    return q.length === n ? zip(p, q, (a, b) => a * b) : p.map((value) => value * factor!);
  },
  rescale: ({ onGrid, types }, [x]) => {
    if (!onGrid) return x!;
    const unit = 2 ** types.inputs[0]!.scale;
    return x!.map((value) => Math.round(value * unit) / unit);
  },
  // Rounding is left out: that is what a twin is compared for.
  truncate: same,
  reshare: same,
  lift: same,
  narrow: same,
  secret: same,
  isNegative({ types }, [x]) {
    const limit = -tiny / 2 ** types.inputs[0]!.scale;
    return x!.map((value) => (value < limit ? 1 : 0));
  },
  isZero({ types }, [x]) {
    const limit = 0.5 / 2 ** types.inputs[0]!.scale;
    return x!.map((value) => (Math.abs(value) < limit ? 1 : 0));
  },
  not: (_, [x]) => x!.map((bit) => 1 - bit),
  and: (_, [x, y]) => zip(x!, y!, (p, q) => p * q),
  xor: (_, [x, y]) => zip(x!, y!, (p, q) => p + q - 2 * p * q),
  fromBits: same,
  select: (_, [bit, x]) => zip(bit!, x!, (b, value) => (b === 0 ? 0 : value)),
  choose: (_, [bit, x, y]) => bit!.map((b, i) => (b === 0 ? y![i]! : x![i]!)),
};
