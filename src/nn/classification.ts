/**
 * Losses of classes and of probabilities: cross-entropy in its forms. Names, options and reductions of torch.nn.functional; what they
 * compute is in `functions/losses.ts`.
 */
import { InputError, ShapeError } from "../errors.js";
import { binaryCrossEntropy as ofProbabilities, binaryCrossEntropyWithLogits as ofLogits, crossEntropy as ofScores } from "../functions/index.js";
import type { Shape } from "../ring/index.js";
import { type Operand, readValues, refOf, Tensor, type Values, Variable } from "../tensor/index.js";
import { differenceOf, type Reduced, type Reduction, type Result, reduced } from "./loss.js";

/** Class positions, whole numbers in the shape of the scores without axis 1; or probabilities (one-hot rows) in the shape of the scores. */
export type ClassTarget = Tensor | Values;

export interface ClassOptions<R extends Reduction> extends Reduced<R> {
  /** By class. With positions as target, a mean is then divided by the sum of the weights of all rows' classes, which is secret. */
  readonly weight?: readonly number[];
}

interface Weights {
  /** In the shape of the scores. */
  readonly each: Tensor;
  /** Their sums along axis 1; undefined where they are 1. */
  readonly mass: Tensor | undefined;
  /** What a mean is divided by. */
  readonly divisor: number | Tensor;
}

/** What each score counts: (1 - smoothing) weight t + smoothing weight / classes. */
function weightsOf(
  where: string,
  scores: Tensor,
  target: ClassTarget,
  { weight }: Pick<ClassOptions<Reduction>, "weight">,
  smoothing = 0,
): Weights {
  const { shape } = scores;
  const [batch, classes] = shape;
  if (batch === undefined || classes === undefined)
    throw new ShapeError(`${where}: expected scores of shape [batch, classes, ...], got [${shape}]; try reshape`);
  if (weight && weight.length !== classes)
    throw new ShapeError(`${where}: expected ${classes} weights, got ${weight.length}; try one a class`);
  if (!(smoothing >= 0 && smoothing <= 1))
    throw new InputError(`${where}: expected a labelSmoothing from 0 to 1, got ${smoothing}; try 0.1`);
  const { hot, areClasses } = oneHotOf(where, scores, target);
  const rows = scores.size / classes;
  const byClass = (values: readonly number[]): Values => {
    let nested: Values = [...values];
    for (let axis = 2; axis < shape.length; axis++) nested = (nested as unknown[]).map((value) => [value]);
    return nested;
  };
  const each = weight ?? new Array<number>(classes).fill(1);
  let all = hot;
  if (weight || smoothing > 0) all = all.mul(byClass(each.map((w) => (1 - smoothing) * w)));
  if (smoothing > 0) all = all.add(byClass(each.map((w) => (smoothing * w) / classes)));
  if (!weight) return { each: all, mass: undefined, divisor: rows };
  const divisor = areClasses ? (smoothing > 0 ? hot.mul(byClass(weight)) : all).sum() : rows;
  return { each: all, mass: all.sum(1), divisor };
}

function oneHotOf(where: string, scores: Tensor, target: ClassTarget): { hot: Tensor; areClasses: boolean } {
  const { graph, shape } = scores;
  const classes = shape[1]!;
  const positions: Shape = shape.filter((_, axis) => axis !== 1);
  const given = target instanceof Tensor ? target.shape : readValues(target).shape;
  const same = (a: Shape, b: Shape) => a.join() === b.join();
  if (same(given, shape)) return { hot: new Tensor(graph, refOf(graph, target)), areClasses: false };
  if (!same(given, positions))
    throw new ShapeError(
      `${where}: expected a target of shape [${positions}] (classes) or [${shape}] (probabilities), got [${given}]; try oneHot`,
    );
  const list = target instanceof Tensor ? undefined : readValues(target).data;
  const hot = list
    ? new Tensor(
        graph,
        refOf(
          graph,
          Array.from(list, (value) => Array.from({ length: classes }, (_, i) => Number(i === value))),
        ),
      ).reshape(...positions, classes)
    : (target as Tensor).oneHot(classes);
  // [batch, ..., classes] to [batch, classes, ...].
  const last = shape.length - 1;
  const order = shape.map((_, axis) => (axis === 0 ? 0 : axis === 1 ? last : axis - 1));
  return { hot: shape.length > 2 ? hot.transpose(...order) : hot, areClasses: true };
}

/**
 * -log softmax(scores) at the target's class. Scores: [batch, classes] or [batch, classes, ...], any numbers that differ from the
 * largest of their row by less than 2^12; below it by 18, a probability counts as 0. Rows of probabilities must have the sum 1; a
 * class outside the range gives a wrong gradient.
 *
 * Training costs one softmax: the gradient is (softmax - target) / rows. The logarithm is evaluated only if the loss itself is used.
 * Class positions that are secret cost one comparison for each class and row; share labels as one-hot rows where you can.
 */
export function crossEntropy<R extends Reduction = "mean">(
  scores: Tensor,
  target: ClassTarget,
  options: ClassOptions<R> & { readonly labelSmoothing?: number } = {},
): Result<R> {
  const { each, mass, divisor } = weightsOf("crossEntropy", scores, target, options, options.labelSmoothing);
  const { graph } = scores;
  const rows = ofScores(graph.recorder, scores.ref, each.ref, mass?.ref);
  return reduced(new Tensor(graph, rows), options.reduction, divisor);
}

/** The same of logarithms of probabilities, as logSoftmax() gives them. crossEntropy of the scores costs less. */
export function nllLoss<R extends Reduction = "mean">(
  logarithms: Tensor,
  target: ClassTarget,
  options: ClassOptions<R> = {},
): Result<R> {
  const { each, divisor } = weightsOf("nllLoss", logarithms, target, options);
  return reduced(logarithms.mul(each).sum(1).neg(), options.reduction, divisor);
}

export interface BinaryOptions<R extends Reduction> extends Reduced<R> {
  /** Broadcast to the prediction. */
  readonly weight?: Operand;
}

/**
 * -t log p - (1 - t) log(1 - p). Probabilities nearer to 0 or 1 than 2^-14 count as that far away: no element's loss is above 9.7,
 * where PyTorch's limit is 100. binaryCrossEntropyWithLogits costs less and has no such limit.
 */
export function binaryCrossEntropy<R extends Reduction = "mean">(
  probabilities: Tensor,
  target: Operand,
  options: BinaryOptions<R> = {},
): Result<R> {
  const { graph, ref } = probabilities;
  differenceOf("binaryCrossEntropy", probabilities, target);
  const loss = new Tensor(graph, ofProbabilities(graph.recorder, ref, refOf(graph, target)));
  return reduced(options.weight === undefined ? loss : loss.mul(options.weight), options.reduction);
}

/** The same for p = sigmoid(scores), of scores of any size. Training costs one sigmoid: the gradient is sigmoid - target. */
export function binaryCrossEntropyWithLogits<R extends Reduction = "mean">(
  scores: Tensor,
  target: Operand,
  options: BinaryOptions<R> & {
    /** How much more positive examples count; broadcast to the scores. */
    readonly posWeight?: Values;
  } = {},
): Result<R> {
  const { graph, ref } = scores;
  differenceOf("binaryCrossEntropyWithLogits", scores, target);
  const positive = options.posWeight === undefined ? undefined : refOf(graph, options.posWeight);
  const loss = new Tensor(graph, ofLogits(graph.recorder, ref, refOf(graph, target), positive));
  return reduced(options.weight === undefined ? loss : loss.mul(options.weight), options.reduction);
}

/**
 * Kullback and Leibler's divergence of a target distribution from one that is given by logarithms: t (log t - input), element by
 * element. With logTarget, t is given by its logarithm, too. PyTorch's reduction "batchmean" is "batchMean".
 */
export function klDiv<R extends Reduction = "mean">(
  input: Tensor,
  target: Tensor | Variable | Values,
  options: Reduced<R> & { readonly logTarget?: boolean } = {},
): Result<R> {
  differenceOf("klDiv", input, target);
  const { graph } = input;
  const t = new Tensor(graph, refOf(graph, target));
  const loss = options.logTarget ? t.exp().mul(t.sub(input)) : t.mul(t.log().sub(input));
  return reduced(loss, options.reduction);
}
