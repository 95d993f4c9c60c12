/** CrypTen's arithmetic, comparisons and sign-like methods. */
import { nn, where } from "../../src/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import { at, between, type Clear, list, made, map, product, scalar, total, whole, wide, zip } from "./clear.js";
import { approximation, type Row, rounding, values } from "./row.js";

type Of2 = (x: Tensor, y: Tensor | number) => Tensor;
type Number2 = (x: number, y: number) => number;
/** Shapes that broadcast in both directions, and none. */
const pairs = (limit: number): [Clear, Clear][] => [
  [wide(limit, 40), wide(limit, 40)],
  [wide(limit, 3, 1, 5), wide(limit, 4, 1)],
  [wide(limit, 2, 3), scalar(1.5)],
];
const binary = (crypten: string, here: Of2, clear: Number2, limit: number, tolerance: number): Row[] =>
  pairs(limit).map((inputs) => ({
    crypten,
    inputs,
    here: (x, y) => here(x!, y!),
    clear: (x, y) => zip(x!, y!, clear),
    tolerance,
  }));
/** With a public operand of each kind. */
const withPublic = (
  crypten: string,
  here: (x: Tensor, y: number | ReturnType<typeof values>) => Tensor,
  clear: Number2,
  limit: number,
  tolerance: number,
): Row[] =>
  [scalar(-2.75), scalar(3), wide(limit, 5)].map((other) => ({
    crypten,
    inputs: [wide(limit, 4, 5)],
    here: (x) => here(x!, values(other)),
    clear: (x) => zip(x!, other, clear),
    tolerance,
  }));
const unary = (
  crypten: string,
  input: Clear,
  here: (x: Tensor) => Tensor,
  clear: (x: number) => number,
  tolerance: number,
): Row => ({ crypten, inputs: [input], here: (x) => here(x!), clear: (x) => map(x!, clear), tolerance });

/** Products below 2^15. */
const factors = 181;
const all = 32767;
/** Equal ones, neighbours, and far apart. */
const comparable: [Clear, Clear][] = [
  [
    list([2, 3, 1, 2, 2, 0, -0.5, all, -all, -all, 2 ** -12, 0]),
    list([2, 2, 2, 3, 1, 0, -0.5, -all, all, -all, 0, 2 ** -12]),
  ],
  [whole(-3, 3, 4, 1, 5), whole(-3, 3, 3, 1)],
];
const comparison = (crypten: string, here: Of2, holds: (x: number, y: number) => boolean): Row[] => [
  ...comparable.map(
    (inputs): Row => ({
      crypten,
      inputs,
      here: (x, y) => here(x!, y!),
      clear: (x, y) => zip(x!, y!, (p, q) => Number(holds(p, q))),
      tolerance: 0,
    }),
  ),
  {
    crypten,
    inputs: [whole(-2, 2, 12)],
    here: (x) => here(x!, 1),
    clear: (x) => map(x!, (p) => Number(holds(p, 1))),
    tolerance: 0,
  },
];
/** Bits from comparisons. */
const logical = (crypten: string, here: Of2, holds: (x: boolean, y: boolean) => boolean): Row => ({
  crypten,
  inputs: [wide(5, 6, 1), wide(5, 7)],
  here: (x, y) => here(x!.lt(0), y!.gt(1)),
  clear: (x, y) => zip(x!, y!, (p, q) => Number(holds(p < 0, q > 1))),
  tolerance: 0,
});

export const arithmetic: readonly Row[] = [
  ...binary(
    "add",
    (x, y) => x.add(y),
    (x, y) => x + y,
    all / 2,
    0,
  ),
  ...withPublic(
    "add",
    (x, y) => x.add(y),
    (x, y) => x + y,
    all / 2,
    0,
  ),
  ...binary(
    "sub",
    (x, y) => x.sub(y),
    (x, y) => x - y,
    all / 2,
    0,
  ),
  ...withPublic(
    "__rsub__",
    (x, y) => x.neg().add(y),
    (x, y) => y - x,
    all / 2,
    0,
  ),
  ...binary(
    "mul",
    (x, y) => x.mul(y),
    (x, y) => x * y,
    factors,
    rounding,
  ),
  ...withPublic(
    "mul",
    (x, y) => x.mul(y),
    (x, y) => x * y,
    factors,
    rounding,
  ),
  // Learning rates and other factors that 16 bits of fraction lose.
  ...[1e-3, 1e-4, 1e-5, 1 / 3, 1000 / 7].map((by) =>
    unary(
      "mul",
      wide(factors, 30),
      (x) => x.mul(by),
      (x) => x * by,
      rounding,
    ),
  ),
  ...[2, 2.5, -0.3, 3000].map((by) =>
    unary(
      "div",
      wide(factors, 30),
      (x) => x.div(by),
      (x) => x / by,
      rounding,
    ),
  ),
  ...[wide(100, 4, 5)].map(
    (x): Row => ({
      crypten: "div",
      inputs: [x],
      here: (p) => p!.div([2, -7, 0.125, 1, 300]),
      clear: (p) => zip(p!, list([2, -7, 0.125, 1, 300]), (a, b) => a / b),
      tolerance: rounding,
    }),
  ),
  {
    crypten: "div",
    inputs: [wide(1000, 60), zip(between(0.05, 30000, 60), whole(0, 1, 60), (x, sign) => (sign ? x : -x))],
    here: (x, y) => x!.div(y!),
    clear: (x, y) => zip(x!, y!, (p, q) => p / q),
    tolerance: approximation,
  },
  unary(
    "__rtruediv__",
    between(0.01, 30000, 60),
    (x) => x.reciprocal().mul(7),
    (x) => 7 / x,
    approximation,
  ),
  unary(
    "neg",
    wide(all, 30),
    (x) => x.neg(),
    (x) => -x,
    0,
  ),
  unary(
    "square",
    wide(factors, 30),
    (x) => x.square(),
    (x) => x * x,
    rounding,
  ),
  // Of CrypTen's powers the fifth and all from the seventh on are wrong, but for 8, 12 and 16.
  ...[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17].map((n) =>
    unary(
      "pow",
      wide(n < 2 ? all : 32000 ** (1 / n), 30),
      (x) => x.pow(n),
      (x) => x ** n,
      approximation,
    ),
  ),
  ...[-1, -2, -3].map((n) =>
    unary(
      "pow",
      between(0.25, 100, 30),
      (x) => x.pow(n),
      (x) => x ** n,
      approximation,
    ),
  ),
  ...[0.5, 1.7, -0.5].map((p) =>
    unary(
      "pos_pow",
      between(0.01, 100, 30),
      (x) => x.log().mul(p).exp(),
      (x) => x ** p,
      approximation,
    ),
  ),
  unary(
    "polynomial",
    wide(3, 30),
    (x) =>
      [0.5, -2, 1.25, 0.1].reduceRight<Tensor | undefined>(
        (sum, c) => (sum ? sum.add(c) : x.mul(0).add(c)).mul(x),
        undefined,
      )!,
    (x) => 0.5 * x - 2 * x ** 2 + 1.25 * x ** 3 + 0.1 * x ** 4,
    rounding,
  ),
  {
    crypten: "matmul",
    inputs: [wide(30, 5, 16), wide(30, 16, 3)],
    here: (x, y) => x!.matmul(y!),
    clear: (x, y) => product(x!, y!),
    tolerance: rounding,
  },
  {
    crypten: "matmul",
    inputs: [wide(6, 2, 1, 3, 4), wide(6, 5, 4, 2)],
    here: (x, y) => x!.matmul(y!),
    clear: (x, y) =>
      made([2, 5, 3, 2], (a, b, i, j) => total([0, 1, 2, 3].map((k) => at(x!, a!, 0, i!, k) * at(y!, b!, k, j!)))),
    tolerance: rounding,
  },
  {
    crypten: "matmul",
    inputs: [wide(30, 4, 6)],
    here: (x) => x!.matmul([[1], [-2.5], [0.125], [3], [100], [0]]),
    clear: (x) => product(x!, { shape: [6, 1], data: Float64Array.of(1, -2.5, 0.125, 3, 100, 0) }),
    tolerance: rounding,
  },
  {
    crypten: "dot",
    inputs: [wide(20, 64), wide(20, 64)],
    here: (x, y) => x!.dot(y!),
    clear: (x, y) => scalar(total(zip(x!, y!, (p, q) => p * q).data)),
    tolerance: rounding,
  },
  {
    crypten: "ger",
    inputs: [wide(factors, 6), wide(factors, 4)],
    here: (x, y) => x!.outer(y!),
    clear: (x, y) => made([6, 4], (i, j) => at(x!, i!) * at(y!, j!)),
    tolerance: rounding,
  },
  ...comparison(
    "eq",
    (x, y) => x.eq(y),
    (x, y) => x === y,
  ),
  ...comparison(
    "ne",
    (x, y) => x.ne(y),
    (x, y) => x !== y,
  ),
  ...comparison(
    "lt",
    (x, y) => x.lt(y),
    (x, y) => x < y,
  ),
  ...comparison(
    "le",
    (x, y) => x.le(y),
    (x, y) => x <= y,
  ),
  ...comparison(
    "gt",
    (x, y) => x.gt(y),
    (x, y) => x > y,
  ),
  ...comparison(
    "ge",
    (x, y) => x.ge(y),
    (x, y) => x >= y,
  ),
  unary(
    "_ltz",
    wide(all, 30),
    (x) => x.lt(0),
    (x) => Number(x < 0),
    0,
  ),
  {
    crypten: "where",
    inputs: [wide(2, 4, 5), wide(all, 4, 5), wide(all, 5)],
    here: (c, x, y) => where(c!.gt(0), x!, y!),
    clear: (c, x, y) => made([4, 5], (i, j) => (at(c!, i!, j!) > 0 ? at(x!, i!, j!) : at(y!, j!))),
    tolerance: 0,
  },
  unary(
    "sign",
    wide(all, 30),
    (x) => x.sign(),
    (x) => Math.sign(x),
    0,
  ),
  unary("abs", wide(all, 30), (x) => x.abs(), Math.abs, 0),
  unary(
    "relu",
    wide(all, 30),
    (x) => x.relu(),
    (x) => Math.max(0, x),
    0,
  ),
  unary(
    "relu6",
    wide(all, 30),
    (x) => nn.relu6()(x),
    (x) => Math.min(6, Math.max(0, x)),
    0,
  ),
  ...[
    [-1, 1],
    [-10, 3],
    [2, 10],
  ].map(([low, high]) =>
    unary(
      "hardtanh",
      wide(30, 30),
      (x) => nn.hardtanh(low, high)(x),
      (x) => Math.min(high!, Math.max(low!, x)),
      0,
    ),
  ),
  logical(
    "&",
    (x, y) => x.logicalAnd(y),
    (x, y) => x && y,
  ),
  logical(
    "|",
    (x, y) => x.logicalOr(y),
    (x, y) => x || y,
  ),
  logical(
    "^",
    (x, y) => x.logicalXor(y),
    (x, y) => x !== y,
  ),
  unary(
    "~",
    wide(5, 20),
    (x) => x.lt(0).logicalNot(),
    (x) => Number(!(x < 0)),
    0,
  ),
  // Numbers count as PyTorch has it: all but 0 are true.
  unary(
    "~",
    whole(-1, 1, 20),
    (x) => x.logicalNot(),
    (x) => Number(x === 0),
    0,
  ),
];
