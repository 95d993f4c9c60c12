/**
 * What the nodes of a plan would be in real numbers, without shares, words or rounding: to see how large values become before
 * anything is shared. Not a protocol, and no oracle for one: it has no scales, so nothing overflows.
 */
import { PlanError } from "../errors.js";
import { radix } from "../ops/index.js";
import { broadcastStrides, type Shape, size, strides } from "../ring/index.js";
import type { PlanNode } from "./plan.js";

/** Numbers that a plan takes in. */
export interface RealSource {
  input(slot: string, shape: Shape): Float64Array;
  variable(name: string, shape: Shape): Float64Array;
}
interface Real {
  readonly shape: Shape;
  readonly data: Float64Array;
}
type Attrs = Readonly<Record<string, unknown>>;
type Rule = (inputs: readonly Real[], attrs: Attrs, node: PlanNode, types: readonly PlanNode[]) => Float64Array;

/** Values of the wanted nodes. Throws PlanError for operators of training: datasets, coins, scalars. */
export function inReals(
  nodes: readonly PlanNode[],
  wanted: readonly number[],
  source: RealSource,
): Map<number, Float64Array> {
  const last = new Map<number, number>();
  const needed = new Set(wanted);
  for (let id = nodes.length - 1; id >= 0; id--)
    if (needed.has(id))
      for (const input of nodes[id]!.inputs) {
        needed.add(input);
        if (!last.has(input)) last.set(input, id);
      }
  const results = new Map<number, Float64Array>();
  const values = new Map<number, Real>();
  for (const [id, node] of nodes.entries()) {
    if (!needed.has(id)) continue;
    const data = realOf(node, nodes, values, source);
    values.set(id, { shape: node.type.shape, data });
    if (wanted.includes(id)) results.set(id, data);
    for (const input of node.inputs) if (last.get(input) === id) values.delete(input);
  }
  return results;
}

function realOf(
  node: PlanNode,
  nodes: readonly PlanNode[],
  values: ReadonlyMap<number, Real>,
  source: RealSource,
): Float64Array {
  const { op, attrs, type } = node;
  if (op === "input") return source.input(attrs.slot as string, type.shape);
  if (op === "variable") return source.variable(attrs.name as string, type.shape);
  const rule = Object.hasOwn(rules, op) ? rules[op] : undefined;
  if (!rule) throw new PlanError(`inReals: expected operators of inference, got ${op}; try eval()`);
  const inputs = node.inputs.map((id) => values.get(id)!);
  return rule(
    inputs,
    attrs,
    node,
    node.inputs.map((id) => nodes[id]!),
  );
}

const same: Rule = ([x]) => x!.data;
const map =
  (f: (x: number) => number): Rule =>
  ([x]) =>
    x!.data.map(f);
/** Element by element; one number goes with all. */
const zip =
  (f: (x: number, y: number) => number): Rule =>
  ([x, y], _, { type }) => {
    const [p, q] = [x!.data, y!.data];
    const at = (list: Float64Array, i: number) => (list.length === 1 ? list[0]! : list[i]!);
    return Float64Array.from({ length: size(type.shape) }, (_unused, i) => f(at(p, i), at(q, i)));
  };

/** Elements from the places that an index leads to; undefined gives 0. */
function picked(
  shape: Shape,
  from: (index: readonly number[]) => number | undefined,
  data: Float64Array,
): Float64Array {
  const result = new Float64Array(size(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    const place = from(index);
    if (place !== undefined) result[i] = data[place]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
}
const placeOf = (index: readonly number[], steps: readonly number[]): number => {
  let place = 0;
  for (let axis = 0; axis < steps.length; axis++) place += steps[axis]! * index[axis]!;
  return place;
};

const sum: Rule = ([x], { axes }, { type }) => {
  const over = axes as readonly number[];
  const result = new Float64Array(size(type.shape));
  const kept = x!.shape.map((d, axis) => (over.includes(axis) ? 1 : d));
  const steps = strides(kept).map((step, axis) => (over.includes(axis) ? 0 : step));
  let at = 0;
  picked(
    x!.shape,
    (index) => {
      result[placeOf(index, steps)]! += x!.data[at++]!;
      return undefined;
    },
    x!.data,
  );
  return result;
};
const cumsum: Rule = ([x], { axis, reverse }) => {
  const result = x!.data.slice();
  const step = strides(x!.shape)[axis as number]!;
  const length = x!.shape[axis as number]!;
  const at = (i: number) => Math.floor(i / step) % length;
  for (let i = 0; i < result.length; i++) {
    const j = reverse ? result.length - 1 - i : i;
    const before = reverse ? at(j) < length - 1 : at(j) > 0;
    if (before) result[j]! += result[j + (reverse ? step : -step)]!;
  }
  return result;
};

/** Sums of products over letters; matmul is one of them. */
function contract(spec: string, [x, y]: readonly Real[], shape: Shape): Float64Array {
  const [left, right, out] = spec.split(/,|->/) as [string, string, string];
  const lengths = new Map<string, number>();
  for (const [letters, { shape: own }] of [[left, x!] as const, [right, y!] as const])
    for (const [axis, letter] of [...letters].entries()) lengths.set(letter, own[axis]!);
  const inner = [...lengths.keys()].filter((letter) => !out.includes(letter));
  const stepsOf = (letters: string, own: Shape, order: readonly string[]) =>
    order.map((letter) => (letters.includes(letter) ? strides(own)[letters.indexOf(letter)]! : 0));
  const order = [...out];
  const [xs, ys] = [stepsOf(left, x!.shape, order), stepsOf(right, y!.shape, order)];
  const [xi, yi] = [stepsOf(left, x!.shape, inner), stepsOf(right, y!.shape, inner)];
  const dims = inner.map((letter) => lengths.get(letter)!);
  const places: [number, number][] = [];
  picked(dims, (index) => void places.push([placeOf(index, xi), placeOf(index, yi)]), x!.data);
  const result = new Float64Array(size(shape));
  let at = 0;
  picked(
    shape,
    (index) => {
      const [p, q] = [placeOf(index, xs), placeOf(index, ys)];
      let total = 0;
      for (const [i, j] of places) total += x!.data[p + i]! * y!.data[q + j]!;
      result[at++] = total;
      return undefined;
    },
    x!.data,
  );
  return result;
}
type Pair = readonly [number, number];

const convolve: Rule = ([x, w], attrs, { type }) => {
  const { stride, dilation, spread, padding } = attrs as Record<string, Pair>;
  const [batch, groups, channels, height, width] = x!.shape as [number, number, number, number, number];
  const [, filters, , rows, columns] = w!.shape as [number, number, number, number, number];
  const [outHeight, outWidth] = type.shape.slice(-2) as [number, number];
  const result = new Float64Array(size(type.shape));
  const place = (q: number, k: number, axis: 0 | 1, length: number) => {
    const at = (q * stride![axis] + k * dilation![axis] - padding![axis]) / spread![axis];
    return Number.isInteger(at) && at >= 0 && at < length ? at : undefined;
  };
  for (let b = 0; b < batch; b++)
    for (let g = 0; g < groups; g++)
      for (let c = 0; c < channels; c++)
        for (let q = 0; q < outHeight; q++)
          for (let u = 0; u < rows; u++) {
            const row = place(q, u, 0, height);
            if (row === undefined) continue;
            const line = (((b * groups + g) * channels + c) * height + row) * width;
            for (let f = 0; f < filters; f++) {
              const filter = (((g * filters + f) * channels + c) * rows + u) * columns;
              const to = (((b * groups + g) * filters + f) * outHeight + q) * outWidth;
              for (let r = 0; r < outWidth; r++)
                for (let v = 0; v < columns; v++) {
                  const column = place(r, v, 1, width);
                  if (column !== undefined) result[to + r]! += x!.data[line + column]! * w!.data[filter + v]!;
                }
            }
          }
  return result;
};
const sumWindows: Rule = ([x], attrs, { type }) => {
  const { kernel, stride, padding } = attrs as Record<string, Pair>;
  const lead = x!.shape.slice(0, -2);
  const image: Real = { shape: [1, size(lead), 1, ...x!.shape.slice(-2)], data: x!.data };
  const ones: Real = {
    shape: [size(lead), 1, 1, ...kernel!],
    data: new Float64Array(size(lead) * size(kernel!)).fill(1),
  };
  const form = { stride, dilation: [1, 1], spread: [1, 1], padding };
  return convolve([image, ones], form, { op: "convolve", inputs: [], attrs: form, type }, []);
};

/** The word that a value is, at its node's scale. */
const wordOf = (value: number, node: PlanNode): number => Math.round(value * 2 ** node.type.scale);
const waves: Rule = ([x], attrs, _, [of]) => {
  const { factor, by, bits, cos, sin } = attrs as {
    factor: number;
    by: number;
    bits: number;
    cos: number[];
    sin: number[];
  };
  return x!.data.map((value) => {
    // Turns, of which the whole ones do not count: modulo before it is multiplied by 2 pi.
    const turns = (wordOf(value, of!) * factor) / 2 ** 64;
    const angle = 2 * Math.PI * (turns - Math.round(turns));
    return cos.reduce((total, c, k) => {
      const wave = (1 + by * k) * angle;
      return total + (c * Math.cos(wave) + sin[k]! * Math.sin(wave)) / 2 ** bits;
    }, 0);
  });
};
const exponentOf = (value: number, node: PlanNode, { factor }: Attrs): number =>
  (wordOf(value, node) * (factor as number)) / 2 ** 59;
/** Whole part and fraction of the exponent, each as a power of its own. */
const octaves: Rule = ([x], attrs, _, [of]) => {
  const n = x!.data.length;
  const result = new Float64Array(2 * n);
  x!.data.forEach((value, i) => {
    const exponent = exponentOf(value, of!, attrs);
    result[i] = 2 ** Math.floor(exponent);
    result[n + i] = 2 ** (exponent - Math.floor(exponent));
  });
  return result;
};
const leading: Rule = ([x], attrs, _, [of]) => {
  const { width, signed, rows, low, high } = attrs as {
    width: number;
    signed: boolean;
    rows: number;
    low: number[];
    high: number[];
  };
  const n = x!.data.length;
  const digits = high.length / rows;
  const result = new Float64Array(n * (rows + (signed ? 1 : 0)));
  x!.data.forEach((value, i) => {
    const word = wordOf(value, of!);
    const magnitude = word < 0 ? -word - 1 : word;
    const position = magnitude > 0 ? Math.min(Math.floor(Math.log2(magnitude)), width - 1) : undefined;
    for (let row = 0; row < rows && position !== undefined; row++) {
      const digit = position % radix;
      const lower = digit === 0 ? 0 : low[row * (radix - 1) + digit - 1]!;
      result[row * n + i] = lower + high[row * digits + Math.floor(position / radix)]!;
    }
    if (signed) result[rows * n + i] = word < 0 ? 1 : 0;
  });
  return result;
};

const pairs = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: count - 1 - i }, (_unused, j) => [i, i + 1 + j] as [number, number]),
  ).flat();
const rowsOf = ({ shape, data }: Real): Float64Array[] => {
  const each = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * each, (i + 1) * each));
};
const joined = (parts: readonly Float64Array[]): Float64Array => {
  const result = new Float64Array(parts.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
};
const winners: Rule = ([bits], _, { type }) => {
  const count = type.shape[0]!;
  const below = rowsOf(bits!);
  const each = bits!.data.length / below.length;
  const beaten = Array.from({ length: count }, () => new Float64Array(each));
  pairs(count).forEach(([i, j], p) => {
    for (let k = 0; k < each; k++) beaten[below[p]![k] ? i : j]![k] = 1;
  });
  return joined(beaten.map((row) => row.map((bit) => 1 - bit)));
};

const rules: Readonly<Record<string, Rule>> = {
  constant: (_, { words }, { type }) => {
    const bytes = Uint8Array.from(atob(words as string), (letter) => letter.charCodeAt(0));
    const values = new BigInt64Array(bytes.buffer);
    const at = (i: number) => Number(values[values.length === 1 ? 0 : i]!) / 2 ** type.scale;
    return Float64Array.from({ length: size(type.shape) }, (_unused, i) => at(i));
  },
  ...{ secret: same, rescale: same, truncate: same, reshare: same, lift: same, narrow: same, reshape: same },
  ...{ fromBits: same, reveal: same },
  add: zip((x, y) => x + y),
  sub: zip((x, y) => x - y),
  mul: zip((x, y) => x * y),
  neg: map((x) => -x),
  not: map((x) => 1 - x),
  and: zip((x, y) => x * y),
  xor: zip((x, y) => (x === y ? 0 : 1)),
  isNegative: map((x) => (x < 0 ? 1 : 0)),
  isZero: ([x], _, __, [of]) => x!.data.map((value) => (wordOf(value, of!) === 0 ? 1 : 0)),
  select: zip((bit, x) => (bit ? x : 0)),
  choose: ([bit, x, y]) => x!.data.map((value, i) => (bit!.data[i] ? value : y!.data[i]!)),
  matmul: (inputs, _, { type }) => contract("mk,kn->mn", inputs, type.shape),
  einsum: (inputs, { axes }, { type }) => contract(axes as string, inputs, type.shape),
  ...{ convolve, sumWindows, sum, cumsum, waves, octaves, leading, winners },
  exp2: ([x], attrs, _, [of]) => x!.data.map((value) => 2 ** exponentOf(value, of!, attrs)),
  lowBits: ([x], { count }, _, [of]) => {
    const modulus = 2 ** (count as number);
    return x!.data.map((value) => ((wordOf(value, of!) % modulus) + modulus) % modulus);
  },
  transpose: ([x], { axes }, { type }) => {
    const steps = (axes as number[]).map((axis) => strides(x!.shape)[axis]!);
    return picked(type.shape, (index) => placeOf(index, steps), x!.data);
  },
  broadcast: ([x], _, { type }) => {
    const steps = broadcastStrides(x!.shape, type.shape);
    return picked(type.shape, (index) => placeOf(index, steps), x!.data);
  },
  flip: ([x], { axes }, { type }) => {
    const steps = strides(x!.shape);
    const turned = (index: readonly number[]) =>
      index.map((i, axis) => ((axes as number[]).includes(axis) ? x!.shape[axis]! - 1 - i : i));
    return picked(type.shape, (index) => placeOf(turned(index), steps), x!.data);
  },
  slice: ([x], { axis, start, step = 1 }, { type }) => {
    const steps = strides(x!.shape);
    const own = steps.map((each, i) => (i === axis ? each * (step as number) : each));
    const offset = (start as number) * steps[axis as number]!;
    return picked(type.shape, (index) => offset + placeOf(index, own), x!.data);
  },
  pad: ([x], { axis, before, step = 1 }, { type }) => {
    const steps = strides(x!.shape);
    return picked(
      type.shape,
      (index) => {
        const i = (index[axis as number]! - (before as number)) / (step as number);
        if (!Number.isInteger(i) || i < 0 || i >= x!.shape[axis as number]!) return undefined;
        return placeOf(index.with(axis as number, i), steps);
      },
      x!.data,
    );
  },
  concat: (parts, { axis }, { type }) => {
    const at = axis as number;
    const outer = size(type.shape.slice(0, at));
    const slices = Array.from({ length: outer }, (_, o) =>
      parts.map(({ data }) => data.subarray((o * data.length) / outer, ((o + 1) * data.length) / outer)),
    );
    return joined(slices.flat());
  },
  gather: ([x], { axis, index: encoded }, { type }) => {
    const bytes = Uint8Array.from(atob(encoded as string), (letter) => letter.charCodeAt(0));
    const positions = new Uint32Array(bytes.buffer);
    const steps = strides(x!.shape);
    const at = axis as number;
    return picked(type.shape, (index) => placeOf(index.with(at, positions[index[at]!]!), steps), x!.data);
  },
  pairDifferences: ([x]) => {
    const rows = rowsOf(x!);
    return joined(pairs(rows.length).map(([i, j]) => rows[i]!.map((value, k) => value - rows[j]![k]!)));
  },
  pairSums: ([x], _, { type }) => {
    const count = type.shape[0]!;
    const rows = rowsOf(x!);
    const result = Array.from({ length: count }, () => new Float64Array(rows[0]!.length));
    pairs(count).forEach(([i, j], p) => {
      rows[p]!.forEach((value, k) => {
        result[i]![k]! += value;
        result[j]![k]! -= value;
      });
    });
    return joined(result);
  },
  pickOne: ([bits, x]) => {
    const [chosen, rows] = [rowsOf(bits!), rowsOf(x!)];
    const result = new Float64Array(rows[0]!.length);
    chosen.forEach((row, i) => {
      row.forEach((bit, k) => {
        if (bit) result[k] = rows[i]![k]!;
      });
    });
    return result;
  },
  position: ([bits]) => {
    const rows = rowsOf(bits!);
    const result = new Float64Array(rows[0]!.length);
    rows.forEach((row, i) => {
      row.forEach((bit, k) => {
        if (bit) result[k]! += i;
      });
    });
    return result;
  },
};
