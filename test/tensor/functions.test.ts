/** Functions as methods of tensors and as layers; what a preview says of their domains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as reference from "../../src/functions/reference.js";
import { nn, type Tensor } from "../../src/index.js";
import { quiet } from "../client/helpers.js";

const values = [0.25, 1, 1.5, 3, 7.75];
const others = [2, -0.5, 4, 3, -10];
type Method = readonly [name: string, of: (x: Tensor, y: Tensor) => Tensor, wanted: (x: number, y: number) => number];
const methods: Method[] = [
  ["exp", (x) => x.exp(), Math.exp],
  ["log", (x) => x.log(), Math.log],
  ["reciprocal", (x) => x.reciprocal(), (x) => 1 / x],
  ["sqrt", (x) => x.sqrt(), Math.sqrt],
  ["rsqrt", (x) => x.rsqrt(), (x) => 1 / Math.sqrt(x)],
  ["sigmoid", (x) => x.sigmoid(), reference.sigmoid],
  ["tanh", (x) => x.tanh(), Math.tanh],
  ["erf", (x) => x.erf(), reference.erf],
  ["gelu", (x) => x.gelu(), reference.gelu],
  ["gelu tanh", (x) => x.gelu("tanh"), reference.geluTanh],
  ["silu", (x) => x.silu(), reference.silu],
  ["softplus", (x) => x.softplus(), reference.softplus],
  ["hardsigmoid", (x) => x.hardsigmoid(), reference.hardsigmoid],
  ["sin", (x) => x.sin(), Math.sin],
  ["cos", (x) => x.cos(), Math.cos],
  ["pow", (x) => x.pow(3), (x) => x ** 3],
  ["pow of 0", (x) => x.pow(0), () => 1],
  ["pow of -2", (x) => x.pow(-2), (x) => x ** -2],
  ["abs", (_, y) => y.abs(), (_, y) => Math.abs(y)],
  ["sign", (_, y) => y.sign(), (_, y) => Math.sign(y)],
  ["clamp", (_, y) => y.clamp(-1, 2.5), (_, y) => Math.max(-1, Math.min(2.5, y))],
  ["clamp from below", (_, y) => y.clamp(-1, Number.POSITIVE_INFINITY), (_, y) => Math.max(-1, y)],
  ["minimum", (x, y) => x.minimum(y), Math.min],
  ["minimum with a number", (_, y) => y.minimum(1), (_, y) => Math.min(y, 1)],
  ["div", (x, y) => x.div(y), (x, y) => x / y],
  ["div by numbers", (x) => x.div([3, -3, 60000, 0.125, 1]), (x) => x],
  ["div by one tensor of all", (x, y) => x.div(y.abs().sum()), (x) => x / 19.5],
  ["nn.sigmoid", (x) => nn.sigmoid()(x), reference.sigmoid],
  ["nn.gelu", (x) => nn.gelu({ approximate: "tanh" })(x), reference.geluTanh],
  ["nn.silu", (x) => nn.silu()(x), reference.silu],
  ["nn.softplus", (x) => nn.softplus()(x), reference.softplus],
  ["nn.tanh", (x) => nn.tanh()(x), Math.tanh],
  ["nn.hardsigmoid", (x) => nn.hardsigmoid()(x), reference.hardsigmoid],
];

test("methods and layers compute what they are named after", async () => {
  const session = await quiet({});
  const [x, y] = [session.secret(values), session.secret(others)];
  // One plan for all of them.
  const results = await Promise.all(methods.map(([, of]) => of(x, y).reveal()));
  const divisors = [3, -3, 60000, 0.125, 1];
  for (const [i, [name, , wanted]] of methods.entries())
    for (const [at, value] of values.entries()) {
      const expected = name === "div by numbers" ? value / divisors[at]! : wanted(value, others[at]!);
      const off = Math.abs(results[i]!.data[at]! - expected);
      assert.ok(off <= 1e-4 * Math.max(1, Math.abs(expected)), `${name}: ${results[i]!.data[at]} for ${expected}`);
    }
  assert.throws(() => x.div([1, 0, 1, 1, 1]), /div: expected finite divisors other than 0/);
  assert.throws(() => x.clamp(1, 0), /clamp: expected low <= high, got 1 and 0/);
  assert.throws(() => x.pow(0.5), /pow: expected a whole exponent/);
  await session.close();
});

test("a preview says what functions take their arguments to be", async () => {
  const session = await quiet({});
  const [plan] = await session.preview(() => session.secret(values).log().add(session.secret(values).sin()).reveal());
  assert.deepEqual(plan!.assumed, ["log: x > 0"]);
  await session.close();
});
