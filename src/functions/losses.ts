/**
 * Losses whose gradient is simpler than their value: it is recorded by itself, so that training never evaluates a logarithm, and the
 * value costs something only if somebody uses it. Not the reductions and their options, which are in `nn/`.
 */
import {
  add,
  broadcastTo,
  constant,
  mul,
  neg,
  reshape,
  scaleBy,
  share,
  sub,
  sum,
  timesGradient,
} from "../ops/build.js";
import type { Builder, Ref } from "../ops/index.js";
import { atLeast, below, replaced } from "./fixed.js";
import { clamp } from "./piecewise.js";
import { log, reciprocal } from "./powers.js";
import { sigmoid, softplus } from "./saturating.js";
import { logSoftmax, softmax } from "./softmax.js";

/**
 * -sum of T log softmax(z) along axis 1, for weights T in the shape of the scores z: one number a row. `mass`: the sum of T along the
 * axis; undefined where it is 1. Its gradient is mass softmax(z) - T.
 */
export function crossEntropy(b: Builder, scores: Ref, weights: Ref, mass?: Ref): Ref {
  const { shape } = scores.type;
  const column = (row: Ref) =>
    broadcastTo(
      b,
      reshape(
        b,
        row,
        shape.map((length, axis) => (axis === 1 ? 1 : length)),
      ),
      shape,
    );
  const rows = neg(b, sum(b, mul(b, weights, logSoftmax(b, scores, 1)), [1]));
  return b.define(rows, [scores], (_, gradient) => {
    const each = column(gradient);
    const probabilities = softmax(b, scores, 1);
    const towards = mass ? mul(b, probabilities, column(mass)) : probabilities;
    return [sub(b, timesGradient(b, each, towards), mul(b, weights, each))];
  });
}

/**
 * -t log s - (1 - t) log(1 - s) for s = sigmoid(x), element by element, as softplus(x) - t x; where t counts `positive` times:
 * (1 - t) x + (1 + (positive - 1) t) softplus(-x). The gradient is s - t, or that of the weights.
 */
export function binaryCrossEntropyWithLogits(b: Builder, x: Ref, target: Ref, positive?: Ref): Ref {
  if (!positive) {
    const loss = sub(b, softplus(b, x), mul(b, target, x));
    return b.define(loss, [x], (_, gradient) => [
      sub(b, timesGradient(b, gradient, sigmoid(b, x)), mul(b, target, gradient)),
    ]);
  }
  const one = constant(b, 1, [], 0);
  const negative = sub(b, one, target);
  const weight = share(b, add(b, one, mul(b, target, sub(b, positive, one))));
  const loss = add(b, mul(b, negative, x), mul(b, weight, softplus(b, neg(b, x))));
  return b.define(loss, [x], (_, gradient) => {
    const slope = sub(b, negative, mul(b, weight, sub(b, one, sigmoid(b, x))));
    return [mul(b, gradient, slope)];
  });
}

/** x^2 / 2 where |x| < delta, else delta (|x| - delta / 2), element by element, as q x - q^2 / 2; its gradient q is x within ±delta. */
export function huber(b: Builder, x: Ref, delta: number): Ref {
  const value = share(b, x);
  const q = replaced(b, value, [
    [atLeast(b, value, delta), constant(b, delta, [], value.type.scale)],
    [below(b, value, -delta), constant(b, -delta, [], value.type.scale)],
  ]);
  const loss = sub(b, mul(b, q, value), scaleBy(b, mul(b, q, q), 0.5));
  return b.define(loss, [x], (_, gradient) => [mul(b, gradient, q)]);
}

/** Probabilities are held this far from 0 and 1, so that a logarithm and its derivative stay representable. */
const nearest = 2 ** -14;

/** -t log p - (1 - t) log(1 - p), element by element, with p held between 2^-14 and 1 - 2^-14. The gradient is (p - t) / (p (1 - p)). */
export function binaryCrossEntropy(b: Builder, p: Ref, target: Ref): Ref {
  const one = constant(b, 1, [], 0);
  const held = clamp(b, p, nearest, 1 - nearest);
  const rest = sub(b, one, held);
  const logarithm = (x: Ref) => log(b, x, { positive: true });
  const [left, right] = [mul(b, target, logarithm(held)), mul(b, sub(b, one, target), logarithm(rest))];
  return b.define(neg(b, add(b, left, right)), [p], (_, gradient) => {
    const slope = reciprocal(b, mul(b, held, rest), { positive: true });
    return [mul(b, gradient, mul(b, sub(b, held, target), slope))];
  });
}
