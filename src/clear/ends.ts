/** Float64 meanings of what enters and leaves a plan: sources, public numbers, assignments, releases. */
import { wordsOf } from "../ops/constant.js";
import { decode, size } from "../ring/index.js";
import type { Meanings } from "./meaning.js";

type Some = Pick<
  Meanings,
  "input" | "dataset" | "variable" | "constant" | "scalar" | "bernoulli" | "assign" | "reveal"
>;

export const ends: Some = {
  input: ({ host }, _, { slot }) => host.input(slot),
  dataset({ host }, _, { name, batch, stride, shuffle, epoch, position }) {
    const [at, of] = [host.scalar(position), host.scalar(epoch)];
    if (at === undefined || of === undefined) return undefined;
    return host.rows({ dataset: name, batch, stride, shuffle, epoch: of, position: at });
  },
  variable: ({ host }, _, { name }) => host.variable(name),
  constant(_, __, attrs) {
    const values = decode(wordsOf(attrs), attrs.scale);
    const n = size(attrs.shape);
    return values.length === n ? values : new Float64Array(n).fill(values[0]!);
  },
  scalar({ host }, _, { slot, exponent }) {
    const mantissa = host.scalar(slot);
    return mantissa === undefined ? undefined : Float64Array.of(mantissa / 2 ** exponent);
  },
  bernoulli: ({ host, types, node }, _, { keep }) => host.coins(size(types.output.shape), keep, node),
  assign: (_, [x]) => x!,
  reveal({ types }, [x], { release, limit }) {
    if (release === "open") return x!;
    const most = release === "count" ? 1 : limit! / 2 ** types.inputs[0]!.scale;
    return Float64Array.of(x!.reduce((sum, value) => sum + Math.min(Math.max(value, 0), most), 0));
  },
};
