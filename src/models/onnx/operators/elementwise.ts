/** Operators of ONNX that work element by element: arithmetic, comparisons, activations. */

import * as nn from "../../../nn/index.js";
import { broadcastShapes } from "../../../ring/index.js";
import { type Tensor, where } from "../../../tensor/index.js";
import { Numbers } from "../../numbers.js";
import type { Call, OperatorTable } from "../call.js";

type Apply = (x: Tensor, call: Call) => Tensor;
const unary = (apply: Apply) => ({ record: (call: Call) => apply(call.tensor(0), call) });

/** Of two inputs, in the shape that they broadcast to. Versions before 7, with an attribute for the axis, are not read. */
const binary = (apply: (x: Tensor, y: Parameters<Tensor["add"]>[0], call: Call) => Tensor) => ({
  record(call: Call): Tensor {
    const shape = broadcastShapes(call.shape(0), call.shape(1));
    const only = call.inputs[1] instanceof Numbers ? call.inputs[1].only : undefined;
    const result = apply(call.tensor(0), only ?? call.operand(1), call);
    return result.shape.length === shape.length ? result : result.reshape(...shape);
  },
});
/** Of any number of inputs. */
const variadic = (apply: (x: Tensor, y: Tensor) => Tensor, finish: (x: Tensor, n: number) => Tensor = (x) => x) => ({
  record: (call: Call) =>
    finish(
      call.inputs.map((_, i) => call.tensor(i)).reduce((x, y) => apply(x, y)),
      call.inputs.length,
    ),
});

/** Secret bits as numbers, so that they can be calculated with. */
const numeric = (x: Tensor): Tensor => (x.ref.type.kind === "bits" ? x.add(0) : x);
const bits = (x: Tensor): Tensor => (x.ref.type.kind === "bits" ? x : x.ne(0));

const exponents: Readonly<Record<number, (x: Tensor) => Tensor>> = {
  0.5: (x) => x.sqrt(),
  [-0.5]: (x) => x.rsqrt(),
  1.5: (x) => x.mul(x.sqrt()),
};
function power(x: Tensor, call: Call): Tensor {
  const exponent = call.number(1)!;
  if (exponent === 2) return x.square();
  if (Number.isInteger(exponent)) return x.pow(exponent);
  return exponents[exponent]?.(x) ?? call.refuse(`a power of ${exponent}`);
}

function clip(x: Tensor, call: Call): Tensor {
  const low = call.float("min") ?? call.number(1) ?? Number.NEGATIVE_INFINITY;
  const high = call.float("max") ?? call.number(2) ?? Number.POSITIVE_INFINITY;
  if (low === 0 && high >= 2 ** 15) return x.relu();
  // Bounds of the type, such as the largest float, are none.
  return x.clamp(low <= -(2 ** 15) ? Number.NEGATIVE_INFINITY : low, high >= 2 ** 15 ? Number.POSITIVE_INFINITY : high);
}
const elu = (x: Tensor, alpha: number): Tensor => {
  const positive = x.relu();
  return positive.add(x.sub(positive).exp().sub(1).mul(alpha));
};
const leaky = (x: Tensor, slope: number): Tensor => x.mul(slope).add(x.relu().mul(1 - slope));
function hardSigmoid(x: Tensor, alpha: number, beta: number): Tensor {
  if (Math.abs(alpha - 1 / 6) < 1e-6 && beta === 0.5) return x.hardsigmoid();
  return x.mul(alpha).add(beta).clamp(0, 1);
}

function cast(call: Call): Tensor {
  const x = call.tensor(0);
  const to = call.int("to", 1);
  if (to === 9) return bits(x);
  const isFloat = [1, 10, 11, 16].includes(to);
  // Whole numbers (positions, bits) are what they are; a secret is not rounded.
  if (!isFloat && x.ref.type.kind !== "bits" && x.ref.type.scale > 0) call.refuse("rounding a secret to whole numbers");
  return numeric(x);
}

function choose(call: Call): Tensor {
  const [condition] = call.inputs;
  if (!(condition instanceof Numbers)) return where(bits(call.tensor(0)), call.operand(1), call.operand(2));
  const mask = new Numbers(
    condition.shape,
    condition.data.map((bit) => (bit ? 1 : 0)),
  );
  const rest = new Numbers(
    condition.shape,
    condition.data.map((bit) => (bit ? 0 : 1)),
  );
  return call.tensor(1).mul(mask.values()).add(call.tensor(2).mul(rest.values()));
}

export const elementwise: OperatorTable = {
  Add: binary((x, y) => x.add(y)),
  Sub: binary((x, y) => x.sub(y)),
  Mul: binary((x, y) => x.mul(y)),
  Div: binary((x, y) => x.div(y)),
  Pow: { structure: [1], record: (call) => power(call.tensor(0), call) },
  Sum: variadic((x, y) => x.add(y)),
  Mean: variadic(
    (x, y) => x.add(y),
    (x, n) => x.div(n),
  ),
  Min: variadic((x, y) => x.minimum(y)),
  Max: variadic((x, y) => x.maximum(y)),
  Neg: unary((x) => x.neg()),
  Abs: unary((x) => x.abs()),
  Sign: unary((x) => x.sign()),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Sqrt: unary((x) => x.sqrt()),
  Reciprocal: unary((x) => x.reciprocal()),
  Sin: unary((x) => x.sin()),
  Cos: unary((x) => x.cos()),
  Erf: unary((x) => x.erf()),
  Identity: unary((x) => x),
  /** As a layer: drops after train(), not after eval(). Its mask is nobody's input. */
  Dropout: {
    structure: [1, 2],
    layer(a, [, ratio]) {
      const p = ratio?.only ?? a.float("ratio", 0.5);
      const part = nn.dropout(p > 0.9 ? a.refuse(`dropping ${p} of the values: at most 0.9`) : p);
      return { part, record: (call) => part(call.tensor(0)) };
    },
    record: (call) => call.tensor(0),
  },
  Cast: { record: cast },
  CastLike: { record: (call) => numeric(call.tensor(0)) },

  Less: binary((x, y) => x.lt(y)),
  Greater: binary((x, y) => x.gt(y)),
  LessOrEqual: binary((x, y) => x.le(y)),
  GreaterOrEqual: binary((x, y) => x.ge(y)),
  Equal: binary((x, y) => x.eq(y)),
  Not: unary((x) => numeric(x).neg().add(1).gt(0.5)),
  And: {
    record: (call) =>
      numeric(call.tensor(0))
        .add(numeric(call.tensor(1)))
        .gt(1.5),
  },
  Or: {
    record: (call) =>
      numeric(call.tensor(0))
        .add(numeric(call.tensor(1)))
        .gt(0.5),
  },
  Xor: {
    record: (call) =>
      numeric(call.tensor(0))
        .sub(numeric(call.tensor(1)))
        .abs()
        .gt(0.5),
  },
  Where: { record: choose },

  Relu: unary((x) => x.relu()),
  LeakyRelu: unary((x, call) => leaky(x, call.float("alpha", 0.01))),
  ThresholdedRelu: unary((x, call) => x.mul(numeric(x.gt(call.float("alpha", 1))))),
  PRelu: {
    record(call) {
      const x = call.tensor(0);
      const positive = x.relu();
      const slope = call.tensor(1);
      // Before version 7 one slope a channel was a vector.
      const isOld = slope.shape.length === 1 && slope.size === x.shape[1] && slope.size !== x.shape.at(-1);
      const column = isOld ? slope.reshape(-1, ...x.shape.slice(2).map(() => 1)) : slope;
      return positive.add(x.sub(positive).mul(column));
    },
  },
  Elu: unary((x, call) => elu(x, call.float("alpha", 1))),
  Celu: unary((x, call) => {
    const alpha = call.float("alpha", 1);
    const positive = x.relu();
    return positive.add(
      x
        .sub(positive)
        .mul(1 / alpha)
        .exp()
        .sub(1)
        .mul(alpha),
    );
  }),
  Selu: unary((x, call) =>
    elu(x, call.float("alpha", 1.6732631921768188)).mul(call.float("gamma", 1.0507010221481323)),
  ),
  Clip: { structure: [1, 2], record: (call) => clip(call.tensor(0), call) },
  Sigmoid: unary((x) => x.sigmoid()),
  Tanh: unary((x) => x.tanh()),
  Softplus: unary((x) => x.softplus()),
  Softsign: unary((x) => x.div(x.abs().add(1))),
  Gelu: unary((x, call) => x.gelu(call.string("approximate", "none") === "tanh" ? "tanh" : "none")),
  Mish: unary((x) => x.mul(x.softplus().tanh())),
  HardSigmoid: unary((x, call) => hardSigmoid(x, call.float("alpha", 0.2), call.float("beta", 0.5))),
  HardSwish: unary((x) => x.mul(x.hardsigmoid())),
  Shrink: unary((x, call) => {
    const [bound, bias] = [call.float("lambd", 0.5), call.float("bias", 0)];
    const [above, below] = [numeric(x.gt(bound)), numeric(x.lt(-bound))];
    return x.mul(above.add(below)).add(below.sub(above).mul(bias));
  }),
};
