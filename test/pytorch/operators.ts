/** How the functions of tensors that record.py has recorded are written here. Not the tests. */
import { concat, einsum, stack, type Tensor, where } from "../../src/index.js";

type Here = (x: Tensor, y: Tensor) => Tensor | readonly Tensor[];
const index = [
  [0, 2, 1, 1],
  [1, 0, 0, 1],
];
/** Only what is not the method of that name without arguments, or with the second tensor. */
const own: Readonly<Record<string, Here>> = {
  "gelu: tanh": (x) => x.gelu("tanh"),
  "pow: 2": (x) => x.pow(2),
  "pow: 3": (x) => x.pow(3),
  "pow: 5": (x) => x.pow(5),
  "pow: 7": (x) => x.pow(7),
  "pow: -2": (x) => x.pow(-2),
  clamp: (x) => x.clamp(-1, 2),
  "mul: number": (x) => x.mul(-0.3),
  "div: row": (x, y) => x.div(y),
  "div: number": (x) => x.div(7),
  where: (x, y) => where(x.lt(y), x.mul(2), y),
  "matmul: broadcast": (x, y) => x.matmul(y),
  einsum: (x, y) => einsum("bij,bjk->ki", x, y),
  sum: (x) => x.sum(1),
  "sum: all": (x) => x.sum(),
  mean: (x) => x.mean([0, 2], true),
  var: (x) => x.var(2),
  "var: population": (x) => x.var([0, 1], { correction: 0 }),
  std: (x) => x.std(1),
  "norm: 1": (x) => x.norm(1, 2),
  "norm: 2": (x) => x.norm(2, 1),
  "norm: all": (x) => x.norm(),
  "norm: Infinity": (x) => x.norm(Number.POSITIVE_INFINITY, 2),
  prod: (x) => x.prod(1),
  "prod: all": (x) => x.prod(),
  cumsum: (x) => x.cumsum(1),
  max: (x) => x.max(1),
  "max: all": (x) => x.max(),
  min: (x) => x.min(2),
  sort: (x) => x.sort(1).values,
  "sort: descending": (x) => x.sort(-1, true).values,
  topk: (x) => x.topk(2, 2).values,
  "topk: smallest": (x) => x.topk(2, 1, false).values,
  median: (x) => x.median(2).values,
  quantile: (x) => x.quantile(0.3, 2),
  softmax: (x) => x.softmax(1),
  logSoftmax: (x) => x.logSoftmax(2),
  logSumExp: (x) => x.logSumExp(1),
  reshape: (x) => x.reshape(4, -1),
  unflatten: (x) => x.unflatten(2, [2, -1]),
  transpose: (x) => x.transpose(2, 1, 0),
  T: (x) => x.T,
  permute: (x) => x.permute(2, 0, 1),
  movedim: (x) => x.movedim(0, 2),
  squeeze: (x) => x.squeeze(1),
  unsqueeze: (x) => x.unsqueeze(1),
  expand: (x) => x.expand(2, 3, -1),
  repeat: (x) => x.repeat(2, 1, 3),
  slice: (x) => x.slice(0, 4, 1, 2),
  narrow: (x) => x.narrow(1, 1, 2),
  split: (x) => x.split([1, 3], 1),
  chunk: (x) => x.chunk(2, 1),
  unbind: (x) => x.unbind(1),
  unfold: (x) => x.unfold(1, 2, 1),
  pad: (x) => x.pad([1, 2, 0, 1], 0.5),
  flip: (x) => x.flip(0, 2),
  roll: (x) => x.roll([1, -1], [0, 2]),
  indexSelect: (x) => x.indexSelect(1, [3, 0, 0]),
  indexAdd: (x, y) => x.indexAdd(0, [2, 2], y),
  take: (x) =>
    x.take([
      [0, 11],
      [5, 5],
    ]),
  gather: (x) => x.gather(0, index),
  scatter: (x, y) =>
    x.scatter(
      0,
      [
        [0, 2, 1, 1],
        [1, 0, 0, 2],
      ],
      y,
    ),
  scatterAdd: (x, y) => x.scatterAdd(0, index, y),
  diagonal: (x) => x.diagonal(1),
  concat: (x, y) => concat([x, y, x], 1),
  stack: (x, y) => stack([x, y], 1),
};
const method =
  (name: string): Here =>
  (x, y) =>
    (x[name as "add"] as (...args: Tensor[]) => Tensor).apply(x, y ? [y] : []);
/** By the name of a recorded case. */
export const operator = (name: string): Here => own[name] ?? method(name);
/** Several results or one. */
export const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);
