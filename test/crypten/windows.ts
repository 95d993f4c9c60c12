/** CrypTen's convolutions, pooling, losses, normalisation. */
import { nn } from "../../src/index.js";
import { at, between, type Clear, largest, made, map, scalar, total, whole, wide, zip } from "./clear.js";
import { approximation, type Row, rounding, values } from "./row.js";

type Pair = readonly [number, number];
interface Windows {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}
const plainly: Windows = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** x [batch, channels, height, width], w [filters, channels / groups, height, width]. */
function conv(x: Clear, w: Clear, { stride, padding, dilation, groups }: Windows): Clear {
  const [batch, , height, width] = x.shape as [number, number, number, number];
  const [filters, each, rows, cols] = w.shape as [number, number, number, number];
  const out = (length: number, kernel: number, axis: 0 | 1) =>
    Math.floor((length + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1) / stride[axis]) + 1;
  return made([batch, filters, out(height, rows, 0), out(width, cols, 1)], (n, f, i, j) => {
    const group = Math.floor(f! / (filters / groups));
    let sum = 0;
    for (let c = 0; c < each; c++)
      for (let u = 0; u < rows; u++)
        for (let v = 0; v < cols; v++) {
          const [y, z] = [i! * stride[0] - padding[0] + u * dilation[0], j! * stride[1] - padding[1] + v * dilation[1]];
          sum += at(x, n!, group * each + c, y, z) * at(w, f!, c, u, v);
        }
    return sum;
  });
}
/** Its transpose: w [channels, filters / groups, height, width]. */
function transposed(x: Clear, w: Clear, { stride, padding, dilation, groups }: Windows): Clear {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [, each, rows, cols] = w.shape as [number, number, number, number];
  const out = (length: number, kernel: number, axis: 0 | 1) =>
    (length - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (kernel - 1) + 1;
  const result = made([batch, each * groups, out(height, rows, 0), out(width, cols, 1)], () => 0);
  const [, filters, tall, long] = result.shape as [number, number, number, number];
  for (const n of range(batch))
    for (const c of range(channels))
      for (const i of range(height))
        for (const j of range(width))
          for (const f of range(each))
            for (const u of range(rows))
              for (const v of range(cols)) {
                const [y, z] = [
                  i * stride[0] - padding[0] + u * dilation[0],
                  j * stride[1] - padding[1] + v * dilation[1],
                ];
                if (y < 0 || z < 0 || y >= tall || z >= long) continue;
                const filter = Math.floor(c / (channels / groups)) * each + f;
                result.data[((n * filters + filter) * tall + y) * long + z]! += at(x, n, c, i, j) * at(w, c, f, u, v);
              }
  return result;
}
const reshaped = (x: Clear, ...shape: number[]): Clear => ({ shape, data: x.data });
/** [a, b, length] as [a, b, 1, length]. */
const tall = (x: Clear) => reshaped(x, x.shape[0]!, x.shape[1]!, 1, x.shape[2]!);
const flat = (x: Clear) => reshaped(x, x.shape[0]!, x.shape[1]!, x.shape[3]!);

const settings: readonly Partial<Windows>[] = [
  {},
  { stride: [2, 1] },
  { padding: [1, 0] },
  { dilation: [1, 2], padding: [1, 1] },
  { groups: 2, stride: [1, 2], padding: [1, 1] },
];
const convolutions = settings.flatMap((given): Row[] => {
  const all = { ...plainly, ...given };
  const { stride, padding, dilation, groups } = all;
  const line = { stride: stride[1], padding: padding[1], dilation: dilation[1], groups };
  const [x, w] = [wide(20, 2, 4, 5, 6), wide(20, 6, 4 / groups, 2, 3)];
  const [row, kernel] = [wide(20, 3, 4, 9), wide(20, 6, 4 / groups, 3)];
  const [back, rowBack] = [wide(20, 4, 3, 2, 3), wide(20, 4, 3, 3)];
  const f = nn.functional;
  const tolerance = rounding;
  return [
    {
      crypten: "conv2d",
      inputs: [x, w],
      here: (a, k) => f.conv2d(a!, k!, undefined, all),
      clear: (a, k) => conv(a!, k!, all),
      tolerance,
    },
    {
      crypten: "conv2d",
      inputs: [x],
      here: (a) => f.conv2d(a!, values(w), undefined, all),
      clear: (a) => conv(a!, w, all),
      tolerance,
    },
    {
      crypten: "conv1d",
      inputs: [row, kernel],
      here: (a, k) => f.conv1d(a!, k!, undefined, line),
      clear: (a, k) =>
        flat(
          conv(tall(a!), tall(k!), {
            groups,
            stride: [1, stride[1]],
            padding: [0, padding[1]],
            dilation: [1, dilation[1]],
          }),
        ),
      tolerance,
    },
    {
      crypten: "conv_transpose2d",
      inputs: [x, back],
      here: (a, k) => f.convTranspose2d(a!, k!, undefined, all),
      clear: (a, k) => transposed(a!, k!, all),
      tolerance,
    },
    {
      crypten: "conv_transpose1d",
      inputs: [row, rowBack],
      here: (a, k) => f.convTranspose1d(a!, k!, undefined, line),
      clear: (a, k) =>
        flat(
          transposed(tall(a!), tall(k!), {
            groups,
            stride: [1, stride[1]],
            padding: [0, padding[1]],
            dilation: [1, dilation[1]],
          }),
        ),
      tolerance,
    },
  ];
});

interface Pool {
  readonly size: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
}
/** What is inside the image of each window. */
function pooled(x: Clear, { size, stride, padding, dilation, ceilMode }: Pool, f: (inside: number[]) => number): Clear {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const out = (length: number, axis: 0 | 1) => {
    const steps = (length + 2 * padding[axis] - dilation[axis] * (size[axis] - 1) - 1) / stride[axis];
    const n = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // No window begins behind the image.
    return (n - 1) * stride[axis] >= length + padding[axis] ? n - 1 : n;
  };
  return made([batch, channels, out(height, 0), out(width, 1)], (n, c, i, j) => {
    const inside: number[] = [];
    for (const u of range(size[0]))
      for (const v of range(size[1])) {
        const [y, z] = [i! * stride[0] - padding[0] + u * dilation[0], j! * stride[1] - padding[1] + v * dilation[1]];
        if (y >= 0 && z >= 0 && y < height && z < width) inside.push(at(x, n!, c!, y, z));
      }
    return f(inside);
  });
}
const pools: readonly Pool[] = [
  { size: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false },
  { size: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 1], ceilMode: false },
  { size: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 2], ceilMode: true },
];
const adaptive = (x: Clear, rows: number, cols: number, f: (inside: number[]) => number): Clear => {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const span = (i: number, n: number, length: number) =>
    range(length).slice(Math.floor((i * length) / n), Math.ceil(((i + 1) * length) / n));
  return made([batch, channels, rows, cols], (n, c, i, j) =>
    f(span(i!, rows, height).flatMap((y) => span(j!, cols, width).map((z) => at(x, n!, c!, y, z)))),
  );
};
const mean = (list: number[]) => total(list) / list.length;
const image = wide(30000, 1, 4, 5, 7);
const small = wide(100, 1, 4, 5, 7);

const probabilities = map(between(0.01, 0.99, 6, 3), (value) => value);
const bits = whole(0, 1, 6, 3);
const hot: Clear = made([6, 5], (i, j) => Number((i! * 3) % 5 === j));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

export const windows: readonly Row[] = [
  ...convolutions,
  ...pools.map((pool): Row => {
    const { size, ...options } = pool;
    return {
      crypten: "max_pool2d",
      inputs: [image],
      here: (x) => nn.functional.maxPool2d(x!, [...size], options),
      clear: (x) => pooled(x!, pool, largest),
      tolerance: 0,
    };
  }),
  ...pools.slice(0, 2).map(
    (pool): Row => ({
      crypten: "avg_pool2d",
      inputs: [small],
      here: (x) =>
        nn.functional.avgPool2d(x!, [...pool.size], { stride: [...pool.stride], padding: [...pool.padding] }),
      clear: (x) => pooled(x!, pool, (inside) => total(inside) / (pool.size[0] * pool.size[1])),
      tolerance: rounding,
    }),
  ),
  ...([1, 3, 5] as const).flatMap((rows): Row[] => [
    {
      crypten: "adaptive_avg_pool2d",
      inputs: [small],
      here: (x) => nn.functional.adaptiveAvgPool2d(x!, [rows, 4]),
      clear: (x) => adaptive(x!, rows, 4, mean),
      tolerance: rounding,
    },
    {
      crypten: "adaptive_max_pool2d",
      inputs: [image],
      here: (x) => nn.functional.adaptiveMaxPool2d(x!, [rows, 4]),
      clear: (x) => adaptive(x!, rows, 4, largest),
      tolerance: 0,
    },
  ]),
  {
    crypten: "binary_cross_entropy",
    inputs: [probabilities, bits],
    here: (p, t) => nn.binaryCrossEntropy(p!, t!),
    clear: (p, t) => scalar(mean([...zip(p!, t!, (q, b) => -Math.log(b ? q : 1 - q)).data])),
    tolerance: approximation,
  },
  {
    crypten: "binary_cross_entropy_with_logits",
    inputs: [wide(500, 6, 3), bits],
    here: (x, t) => nn.binaryCrossEntropyWithLogits(x!, t!),
    clear: (x, t) => scalar(mean([...zip(x!, t!, (z, b) => softplus(z) - b * z).data])),
    tolerance: approximation,
  },
  {
    crypten: "cross_entropy",
    inputs: [wide(300, 6, 5), hot],
    here: (x, t) => nn.crossEntropy(x!, t!),
    clear: (x, t) =>
      scalar(
        mean(
          range(6).map((i) => {
            const row = range(5).map((j) => at(x!, i, j));
            const log = largest(row) + Math.log(total(row.map((value) => Math.exp(value - largest(row)))));
            return total(row.map((value, j) => at(t!, i, j) * (log - value)));
          }),
        ),
      ),
    tolerance: approximation,
  },
  {
    crypten: "cosine_similarity",
    inputs: [wide(30, 6, 8), between(0.5, 60, 6, 8)],
    here: (x, y) => nn.cosineSimilarity(1)(x!, y!),
    clear: (x, y) =>
      made([6], (i) => {
        const row = (z: Clear) => range(8).map((j) => at(z, i!, j));
        return (
          total(row(x!).map((value, j) => value * at(y!, i!, j))) / Math.hypot(...row(x!)) / Math.hypot(...row(y!))
        );
      }),
    tolerance: approximation,
  },
  {
    crypten: "batchnorm",
    inputs: [wide(50, 12, 3)],
    here: (x) => nn.batchNorm1d(3, { affine: false, trackRunningStats: false })(x!),
    clear: (x) => {
      const column = (j: number) => range(12).map((i) => at(x!, i, j));
      const spread = (j: number) => Math.sqrt(mean(column(j).map((value) => (value - mean(column(j))) ** 2)) + 1e-5);
      return made([12, 3], (i, j) => (at(x!, i!, j!) - mean(column(j!))) / spread(j!));
    },
    tolerance: approximation,
  },
];
