/** CrypTen's methods that move elements. All exact. */
import { concat, stack } from "../../src/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import { at, type Clear, made, wide } from "./clear.js";
import type { Row } from "./row.js";

const x = wide(30000, 3, 4, 5);
const y = wide(30000, 3, 4, 5);
const row = (
  crypten: string,
  here: (x: Tensor, y: Tensor) => Tensor | readonly Tensor[],
  clear: (x: Clear, y: Clear) => Clear | readonly Clear[],
  inputs: readonly Clear[] = [x],
): Row => ({ crypten, inputs, here: (p, q) => here(p!, q!), clear: (p, q) => clear(p!, q!), tolerance: 0 });
const reshaped = (value: Clear, ...shape: number[]): Clear => ({ shape, data: value.data });
const mod = (i: number, n: number) => ((i % n) + n) % n;
const [grid, others] = [wide(30000, 4, 5), wide(30000, 2, 5)];
const index = [
  [0, 2, 1, 3, 3],
  [1, 1, 0, 2, 0],
];

export const shapes: readonly Row[] = [
  row(
    "view",
    (p) => p.reshape(6, -1),
    (p) => reshaped(p, 6, 10),
  ),
  row(
    "reshape",
    (p) => p.reshape(5, 3, 4),
    (p) => reshaped(p, 5, 3, 4),
  ),
  row(
    "flatten",
    (p) => p.flatten(0),
    (p) => reshaped(p, 60),
  ),
  row(
    "flatten",
    (p) => p.flatten(1, 2),
    (p) => reshaped(p, 3, 20),
  ),
  row(
    "permute",
    (p) => p.permute(2, 0, 1),
    (p) => made([5, 3, 4], (i, j, k) => at(p, j!, k!, i!)),
  ),
  row(
    "transpose",
    (p) => p.transpose(0, 2, 1),
    (p) => made([3, 5, 4], (i, j, k) => at(p, i!, k!, j!)),
  ),
  row(
    "t",
    (p) => p.T,
    (p) => made([5, 4], (i, j) => at(p, j!, i!)),
    [grid],
  ),
  row(
    "squeeze",
    (p) => p.squeeze(),
    (p) => reshaped(p, 3, 5),
    [wide(9, 3, 1, 5, 1)],
  ),
  row(
    "squeeze",
    (p) => p.squeeze(1),
    (p) => reshaped(p, 3, 5, 1),
    [wide(9, 3, 1, 5, 1)],
  ),
  row(
    "unsqueeze",
    (p) => p.unsqueeze(-1),
    (p) => reshaped(p, 3, 4, 5, 1),
  ),
  row(
    "narrow",
    (p) => p.narrow(2, 1, 3),
    (p) => made([3, 4, 3], (i, j, k) => at(p, i!, j!, k! + 1)),
  ),
  row(
    "flip",
    (p) => p.flip(0, 2),
    (p) => made([3, 4, 5], (i, j, k) => at(p, 2 - i!, j!, 4 - k!)),
  ),
  row(
    "roll",
    (p) => p.roll([1, -2], [0, 2]),
    (p) => made([3, 4, 5], (i, j, k) => at(p, mod(i! - 1, 3), j!, mod(k! + 2, 5))),
  ),
  row(
    "roll",
    (p) => p.roll(7),
    (p) => ({ shape: p.shape, data: p.data.map((_, i) => p.data[mod(i - 7, 60)]!) }),
  ),
  row(
    "pad",
    (p) => p.pad([1, 2, 0, 3]),
    (p) => made([3, 7, 8], (i, j, k) => at(p, i!, j!, k! - 1)),
  ),
  row(
    "pad",
    (p) => p.pad([2, 0], -1.5),
    (p) => made([3, 4, 7], (i, j, k) => (k! < 2 ? -1.5 : at(p, i!, j!, k! - 2))),
  ),
  row(
    "cat",
    (p, q) => concat([p, q, p], 1),
    (p, q) => made([3, 12, 5], (i, j, k) => at(j! < 4 || j! > 7 ? p : q, i!, j! % 4, k!)),
    [x, y],
  ),
  row(
    "stack",
    (p, q) => stack([p, q], 1),
    (p, q) => made([3, 2, 4, 5], (i, n, j, k) => at(n ? q : p, i!, j!, k!)),
    [x, y],
  ),
  row(
    "__getitem__",
    (p) => p.slice(1, 2).squeeze(0),
    (p) => made([4, 5], (j, k) => at(p, 1, j!, k!)),
  ),
  row(
    "__getitem__",
    (p) => p.slice(0, 5, 2, 2),
    (p) => made([3, 4, 3], (i, j, k) => at(p, i!, j!, 2 * k!)),
  ),
  row(
    "index_select",
    (p) => p.indexSelect(1, [3, 0, 0]),
    (p) => made([3, 3, 5], (i, j, k) => at(p, i!, [3, 0, 0][j!]!, k!)),
  ),
  row(
    "gather",
    (p) => p.gather(0, index),
    (p) => made([2, 5], (i, j) => at(p, index[i!]![j!]!, j!)),
    [grid],
  ),
  row(
    "scatter",
    (p, q) => p.scatter(0, index, q),
    (p, q) => {
      const out = { shape: p.shape, data: p.data.slice() };
      index.forEach((places, i) => {
        places.forEach((place, j) => {
          out.data[place * 5 + j] = at(q, i, j);
        });
      });
      return out;
    },
    [grid, others],
  ),
  row(
    "scatter_add",
    (p, q) => p.scatterAdd(0, index, q),
    (p, q) => {
      const out = { shape: p.shape, data: p.data.slice() };
      index.forEach((places, i) => {
        places.forEach((place, j) => {
          out.data[place * 5 + j]! += at(q, i, j);
        });
      });
      return out;
    },
    [wide(10000, 4, 5), wide(10000, 2, 5)],
  ),
  row(
    "take",
    (p) =>
      p.take([
        [0, 59],
        [7, 7],
      ]),
    (p) => ({ shape: [2, 2], data: Float64Array.from([0, 59, 7, 7], (i) => p.data[i]!) }),
  ),
  row(
    "expand",
    (p) => p.expand(2, -1, 4, 5),
    (p) => made([2, 3, 4, 5], (_, i, _j, k) => at(p, i!, 0, k!)),
    [wide(9, 3, 1, 5)],
  ),
  row(
    "repeat",
    (p) => p.repeat(2, 1, 3, 2),
    (p) => made([2, 3, 12, 10], (_, i, j, k) => at(p, i!, j! % 4, k! % 5)),
  ),
  row(
    "split",
    (p) => p.split([1, 4], 2),
    (p) => [made([3, 4, 1], (i, j) => at(p, i!, j!, 0)), made([3, 4, 4], (i, j, k) => at(p, i!, j!, k! + 1))],
  ),
  row(
    "split",
    (p) => p.split(2, 2),
    (p) => [0, 2, 4].map((from) => made([3, 4, Math.min(2, 5 - from)], (i, j, k) => at(p, i!, j!, k! + from))),
  ),
  row(
    "unbind",
    (p) => p.unbind(1),
    (p) => [0, 1, 2, 3].map((j) => made([3, 5], (i, k) => at(p, i!, j, k!))),
  ),
  row(
    "unfold",
    (p) => p.unfold(1, 2, 1),
    (p) => made([3, 3, 5, 2], (i, n, k, u) => at(p, i!, n! + u!, k!)),
  ),
  row(
    "unfold",
    (p) => p.unfold(-1, 2, 3),
    (p) => made([3, 4, 2, 2], (i, j, n, u) => at(p, i!, j!, 3 * n! + u!)),
  ),
  row(
    "index_add",
    (p, q) => p.indexAdd(0, [3, 3], q),
    (p, q) => made([4, 5], (i, j) => at(p, i!, j!) + (i === 3 ? at(q, 0, j!) + at(q, 1, j!) : 0)),
    [wide(10000, 4, 5), wide(10000, 2, 5)],
  ),
  row(
    "__setitem__",
    (p, q) => concat([p.slice(0, 1), q, p.slice(3, 4)]),
    (p, q) => made([4, 5], (i, j) => (i === 1 || i === 2 ? at(q, i - 1, j!) : at(p, i!, j!))),
    [grid, others],
  ),
];
