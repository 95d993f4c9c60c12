/**
 * Losses of classes and of probabilities: cross-entropy in its forms. Names, options and reductions of torch.nn.functional; what they
 * compute is in `functions/losses.ts`.
 */
import { InputError, ShapeError } from "../errors.js";
import {
  binaryCrossEntropyWithLogits as ofLogits,
  binaryCrossEntropy as ofProbabilities,
  crossEntropy as ofScores,
} from "../functions/index.js";
import { checkOptions } from "../options.js";
import type { Shape } from "../ring/index.js";
import { type Operand, readValues, refOf, Tensor, type Values, type Variable } from "../tensor/index.js";
import { differenceOf, type Reduced, type Reduction, type Result, reduced, reducedNames } from "./loss.js";

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
  const given = target instanceof Tensor ? target.shape : readValues(target).shape;
  const positions = shape.filter((_, axis) => axis !== 1);
  const areClasses = given.join() === positions.join();
  if (!areClasses && given.join() !== shape.join())
    throw new ShapeError(
      `${where}: expected a target of shape [${positions}] (classes) or [${shape}] (probabilities), got [${given}]; try oneHot`,
    );
  const byClass = weight ?? new Array<number>(classes).fill(1);
  const factors = byClass.map((w) => (1 - smoothing) * w);
  const offsets = byClass.map((w) => (smoothing * w) / classes);
  const isChanged = weight !== undefined || smoothing > 0;
  const rows = scores.size / classes;
  /** Sums, if they are not known. */
  const finish = (each: Tensor, total: () => number | Tensor): Weights => ({
    each,
    mass: weight && each.sum(1),
    divisor: weight && areClasses ? total() : rows,
  });

  if (!(target instanceof Tensor)) {
    // Public: the numbers themselves, so that they are rounded once.
    const { data } = readValues(target);
    const inner = scores.size / (batch * classes);
    const classOf = (i: number) => Math.floor(i / inner) % classes;
    const rowOf = (i: number) => Math.floor(i / (inner * classes)) * inner + (i % inner);
    const hot = Array.from({ length: scores.size }, (_, i) =>
      areClasses ? Number(data[rowOf(i)] === classOf(i)) : data[i]!,
    );
    const list = hot.map((t, i) => factors[classOf(i)]! * t + offsets[classOf(i)]!);
    const each = new Tensor(scores.graph, refOf(scores.graph, list)).reshape(...shape);
    return finish(each, () => hot.reduce((sum, t, i) => sum + t * byClass[classOf(i)]!, 0));
  }
  const hot = areClasses ? oneHotOf(target, shape) : target;
  const column = (values: readonly number[]): Values =>
    shape.slice(2).reduce<unknown[]>((nested) => nested.map((value) => [value]), [...values]);
  // The last axis first: [classes] becomes [classes, 1, ...].
  const all = isChanged ? hot.mul(column(factors)) : hot;
  return finish(smoothing > 0 ? all.add(column(offsets)) : all, () => hot.mul(column(byClass)).sum());
}

/** Bits in the shape of the scores. */
function oneHotOf(positions: Tensor, shape: Shape): Tensor {
  const hot = positions.oneHot(shape[1]!);
  // [batch, ..., classes] to [batch, classes, ...].
  const last = shape.length - 1;
  return shape.length > 2 ? hot.transpose(...shape.map((_, axis) => (axis < 2 ? axis * last : axis - 1))) : hot;
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
  checkOptions("crossEntropy", options, { ...reducedNames, weight: true, labelSmoothing: true });
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
  checkOptions("nllLoss", options, { ...reducedNames, weight: true });
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
  checkOptions("binaryCrossEntropy", options, { ...reducedNames, weight: true });
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
  checkOptions("binaryCrossEntropyWithLogits", options, { ...reducedNames, weight: true, posWeight: true });
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
  checkOptions("klDiv", options, { ...reducedNames, logTarget: true });
  differenceOf("klDiv", input, target);
  const { graph } = input;
  const t = new Tensor(graph, refOf(graph, target));
  const loss = options.logTarget ? t.exp().mul(t.sub(input)) : t.mul(t.log().sub(input));
  return reduced(loss, options.reduction);
}
