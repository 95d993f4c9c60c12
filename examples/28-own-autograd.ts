/**
 * Automatic differentiation of your own, on secrets: the gradient of an operation is that of the mathematical operation.
 * Nothing in it knows how numbers are shared, so the rules are the ones of any textbook. (optim does this for you.)
 */
import { local, type Tensor } from "secretgrad";
import { protocol } from "./support/protocol.js";

/** A value, how it was made, and where its gradient gathers. */
class Value {
  gradient: Tensor | undefined;
  constructor(
    readonly data: Tensor,
    readonly from: readonly Value[] = [],
    readonly rule: (gradient: Tensor) => readonly Tensor[] = () => [],
  ) {}

  /** d(xW) = g Wᵀ, xᵀ g. */
  matmul(w: Value): Value {
    return new Value(this.data.matmul(w.data), [this, w], (g) => [g.matmul(w.data.T), this.data.T.matmul(g)]);
  }
  /** Row by row: the vector's gradient is the sum over rows. */
  add(vector: Value): Value {
    return new Value(this.data.add(vector.data), [this, vector], (g) => [g, g.sum(0)]);
  }
  /** The gradient passes where x > 0. */
  relu(): Value {
    const positive = this.data.gt(0);
    return new Value(this.data.relu(), [this], (g) => [g.mul(positive)]);
  }
  /** Σ (x - t)²: 2 (x - t). */
  squaredError(target: Tensor): Value {
    const difference = this.data.sub(target);
    return new Value(difference.square().sum(), [this], () => [difference.mul(2)]);
  }
  /** Gradients of everything that this value was made of; here each value is used once, so the order is simple. */
  backward(gradient: Tensor = this.data): void {
    this.gradient = gradient;
    this.rule(gradient).forEach((each, i) => {
      this.from[i]!.backward(each);
    });
  }
}

const session = await local({ protocol, insecure: true });
const x = session.secret([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]);
const target = session.secret([[0], [0], [1], [1]]);
// Fixed initial weights, so that the losses can be compared with the same training in floating point.
let parameters = [
  session.secret([
    [0.0738, -0.1579],
    [-0.2109, 0.3174],
  ]),
  session.secret([0, 0.1]),
  session.secret([[-0.5368], [0.705]]),
  session.secret([-0.0343]),
];

const losses: Tensor[] = [];
for (let step = 0; step < 20; step++) {
  const [w1, b1, w2, b2] = parameters.map((each) => new Value(each)) as [Value, Value, Value, Value];
  const loss = new Value(x).matmul(w1).add(b1).relu().matmul(w2).add(b2).squaredError(target);
  loss.backward();
  parameters = [w1, b1, w2, b2].map(({ data, gradient }) => data.sub(gradient!.mul(0.1)));
  losses.push(loss.data);
}
// All twenty steps were recorded; now they run, as one plan.
const revealed = await Promise.all(losses.map((loss) => loss.reveal()));
console.log(revealed.map((loss) => loss.item().toFixed(4)).join(" "));
await session.close();
