/**
 * The functions that tensors have, on secrets, beside what Math gives: the largest difference of each over a thousand points.
 * Approximations are within 0.001 of the exact value, absolute or relative, over the whole domain that their documentation states.
 */
import { local, nn, type Tensor } from "secretgrad";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
const points = (from: number, to: number) =>
  Array.from({ length: 1000 }, (_, i) => from + ((to - from) * (i + 0.5)) / 1000);

async function compare(name: string, secret: Tensor, exact: readonly number[]): Promise<void> {
  const { data } = await secret.reveal();
  const errors = exact.map((value, i) => Math.abs(data[i]! - value) / Math.max(1, Math.abs(value)));
  console.log(`${name.padEnd(10)} largest error ${Math.max(...errors).toFixed(6)}`);
}

// One number in, one number out.
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const functions: [
  name: string,
  from: number,
  to: number,
  secret: (x: Tensor) => Tensor,
  exact: (x: number) => number,
][] = [
  ["exp", -10, 10, (x) => x.exp(), Math.exp],
  ["log", 0.001, 1000, (x) => x.log(), Math.log],
  ["reciprocal", 0.01, 1000, (x) => x.reciprocal(), (x) => 1 / x],
  ["sqrt", 0, 1000, (x) => x.sqrt(), Math.sqrt],
  ["sigmoid", -50, 50, (x) => x.sigmoid(), sigmoid],
  ["tanh", -50, 50, (x) => x.tanh(), Math.tanh],
  ["silu", -50, 50, (x) => x.silu(), (x) => x * sigmoid(x)],
  ["softplus", -50, 50, (x) => x.softplus(), (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
  ["sin", -10, 10, (x) => x.sin(), Math.sin],
  ["cos", -10, 10, (x) => x.cos(), Math.cos],
  ["relu", -1000, 1000, (x) => x.relu(), (x) => Math.max(x, 0)],
  ["abs", -1000, 1000, (x) => x.abs(), Math.abs],
];
for (const [name, from, to, secret, exact] of functions) {
  const x = points(from, to);
  await compare(name, secret(session.secret(x)), x.map(exact));
}

// Rows of ten numbers.
const rows = Array.from({ length: 100 }, (_, i) => points(-5, 5).filter((_, j) => (j * 37 + i) % 100 === 0));
const each = (f: (row: readonly number[]) => number[]) => rows.flatMap(f);
const sum = (row: readonly number[]) => row.reduce((all, x) => all + x, 0);
const powers = (row: readonly number[]) => row.map((x) => Math.exp(x - Math.max(...row)));
const secretRows = () => session.secret(rows);
await compare(
  "softmax",
  secretRows().softmax(1),
  each((row) => powers(row).map((x) => x / sum(powers(row)))),
);
await compare(
  "max",
  secretRows().max(1),
  each((row) => [Math.max(...row)]),
);
await compare(
  "argmax",
  secretRows().argmax(1),
  each((row) => [row.indexOf(Math.max(...row))]),
);
await compare(
  "sum",
  secretRows().sum(1),
  each((row) => [sum(row)]),
);
await compare("dot", secretRows().flatten(0).dot(rows.flat()), [sum(rows.flat().map((x) => x * x))]);
const products = each((row) => rows.map((other) => sum(row.map((x, i) => x * other[i]!))));
await compare("matmul", secretRows().matmul(secretRows().T), products);

// Layers: each channel of a batch with mean 0 and deviation 1; windows of 2 x 2 of images.
const column = (j: number) => rows.map((row) => row[j]!);
const centred = (j: number) => column(j).map((x) => x - sum(column(j)) / 100);
const deviation = (j: number) => Math.sqrt(sum(centred(j).map((x) => x * x)) / 100 + 1e-5);
const normalised = rows.flatMap((row, i) => row.map((_, j) => centred(j)[i]! / deviation(j)));
await compare("batchNorm", nn.batchNorm1d(10)(secretRows()), normalised);
const images = () => secretRows().reshape(1, 1, 100, 10);
const windows = (stride: number, f: (window: number[]) => number) =>
  Array.from({ length: stride === 2 ? 250 : 891 }, (_, k) => {
    const [i, j] = stride === 2 ? [2 * Math.floor(k / 5), 2 * (k % 5)] : [Math.floor(k / 9), k % 9];
    return f([rows[i]![j]!, rows[i]![j + 1]!, rows[i + 1]![j]!, rows[i + 1]![j + 1]!]);
  });
await compare(
  "maxPool2d",
  nn.maxPool2d(2)(images()),
  windows(2, (window) => Math.max(...window)),
);
await compare(
  "avgPool2d",
  nn.avgPool2d(2)(images()),
  windows(2, (window) => sum(window) / 4),
);
const kernel = [0.5, -1, 2, 0.25];
const convolution = nn.functional.conv2d(
  images(),
  [[kernel.slice(0, 2), kernel.slice(2)]].map((filter) => [filter]),
);
await compare(
  "conv2d",
  convolution,
  windows(1, (window) => sum(window.map((x, i) => x * kernel[i]!))),
);
await session.close();
