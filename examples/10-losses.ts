/**
 * Losses out of the box, with their gradients: squared error, cross-entropy and binary cross-entropy of secret predictions and
 * secret targets. A step of SGD with rate 1 moves a prediction by its gradient, so that the gradient can be seen.
 */
import { local, nn, optim, type Tensor } from "secretgrad";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });

/** Prints a loss of these predictions, and its gradient. */
async function look(name: string, start: readonly number[], loss: (prediction: Tensor) => Tensor): Promise<void> {
  const prediction = new nn.Parameter([2, 4], () => Float64Array.from(start));
  prediction.name = name;
  const value = loss(prediction.in(session.graph));
  optim.sgd([prediction], { lr: 1 }).minimize(value);
  const [revealed, [moved]] = await Promise.all([value.reveal(), session.reveal([prediction])]);
  const gradient = start.map((x, i) => (x - moved!.data[i]!).toFixed(3));
  console.log(`${name}: ${revealed.item().toFixed(3)}, gradient ${gradient.join(" ")}`);
}

const scores = [2, 0.5, -1, 0, 0, 1, 3, -2];
const probabilities = [0.9, 0.2, 0.6, 0.3, 0.5, 0.1, 0.8, 0.4];
/** Two rows, of class 0 and class 2. */
const classes = () => session.secret([0, 2]);
const oneHot = () =>
  session.secret([
    [1, 0, 0, 0],
    [0, 0, 1, 0],
  ]);

await look("mseLoss", scores, (x) => nn.mseLoss(x, oneHot()));
await look("crossEntropy", scores, (x) => nn.crossEntropy(x, classes()));
await look("binaryCrossEntropy", probabilities, (p) => nn.binaryCrossEntropy(p, oneHot()));
await look("binaryCrossEntropyWithLogits", scores, (x) => nn.binaryCrossEntropyWithLogits(x, oneHot()));
await session.close();
