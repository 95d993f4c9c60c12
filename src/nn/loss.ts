/**
 * Losses: scalars to minimise, which remember each row's share of the loss for `data.meanLoss`. What they have in common, and those of
 * numbers; losses of classes and of probabilities are in classification.ts. Names and options of torch.nn.functional.
 */
import { InputError, ShapeError } from "../errors.js";
import { huber } from "../functions/index.js";
import { checkChoice, checkOptions } from "../options.js";
import { type Operand, Tensor } from "../tensor/index.js";

/** A loss: one secret number, and the numbers (one a row of the batch) that it was pooled from. */
export class Loss extends Tensor {
  constructor(
    pooled: Tensor,
    /** [batch]; mean() of it is the loss for `reduction: "batchMean"`. */
    readonly rows: Tensor,
  ) {
    super(pooled.graph, pooled.ref);
  }
}

/** What one number is made of: all elements divided by how many there are, by nothing, or by the number of rows. */
export type Pooling = "mean" | "sum" | "batchMean";
export type Reduction = Pooling | "none";
const reductions: readonly Reduction[] = ["mean", "sum", "batchMean", "none"];
export interface Reduced<R extends Reduction = Reduction> {
  /** Default "mean". With "none" each element's loss is returned, in the shape of the prediction. */
  readonly reduction?: R;
}
export const reducedNames = { reduction: true };
/** What a loss function gives for a reduction. */
export type Result<R extends Reduction> = R extends "none" ? Tensor : Loss;

/** Elements in rows along axis 0. `divisor`: what a mean is divided by. */
export function reduced<R extends Reduction>(
  elements: Tensor,
  reduction: R = "mean" as R,
  divisor: number | Tensor = elements.size,
): Result<R> {
  checkChoice("loss", "a reduction", reduction, reductions);
  if (reduction === "none") return elements as Result<R>;
  const rank = elements.shape.length;
  const rows = rank <= 1 ? elements : elements.sum(elements.shape.slice(1).map((_, i) => i + 1));
  const total = rows.sum();
  const batch = elements.shape[0] ?? 1;
  const by = reduction === "sum" ? 1 : reduction === "mean" ? divisor : batch;
  return new Loss(by === 1 ? total : total.div(by), rows) as Result<R>;
}

export function differenceOf(where: string, prediction: Tensor, target: Operand): Tensor {
  const difference = prediction.sub(target);
  if (difference.size !== prediction.size)
    throw new ShapeError(
      `${where}: expected a target of shape [${prediction.shape}], got one that broadcasts to [${difference.shape}]`,
    );
  return difference;
}
function positive(where: string, name: string, value: number): void {
  if (!(value > 0)) throw new InputError(`${where}: expected a ${name} above 0, got ${value}; try 1`);
}

/** Squared error. At 20 fraction bits differences must stay below 2^12 in magnitude: scale larger targets down. */
export function mseLoss<R extends Reduction = "mean">(
  prediction: Tensor,
  target: Operand,
  options: Reduced<R> = {},
): Result<R> {
  checkOptions("mseLoss", options, reducedNames);
  return reduced(differenceOf("mseLoss", prediction, target).square(), options.reduction);
}

/** Absolute error. Its gradient at 0 is 1, where PyTorch's is 0. Cost: one comparison and one selection an element. */
export function l1Loss<R extends Reduction = "mean">(
  prediction: Tensor,
  target: Operand,
  options: Reduced<R> = {},
): Result<R> {
  checkOptions("l1Loss", options, reducedNames);
  return reduced(differenceOf("l1Loss", prediction, target).abs(), options.reduction);
}

/**
 * Squared error, halved, where it is below delta (1), else straight lines: delta (|d| - delta / 2). Cost: two comparisons and two
 * selections an element, side by side; delta times a difference must stay below 2^15.
 */
export function huberLoss<R extends Reduction = "mean">(
  prediction: Tensor,
  target: Operand,
  options: Reduced<R> & { readonly delta?: number } = {},
): Result<R> {
  checkOptions("huberLoss", options, { ...reducedNames, delta: true });
  const { delta = 1 } = options;
  positive("huberLoss", "delta", delta);
  const { graph, ref } = differenceOf("huberLoss", prediction, target);
  return reduced(new Tensor(graph, huber(graph.recorder, ref, delta)), options.reduction);
}

/** The same divided by beta (1): d^2 / (2 beta) where |d| < beta, else |d| - beta / 2. With beta 0 it is l1Loss. */
export function smoothL1Loss<R extends Reduction = "mean">(
  prediction: Tensor,
  target: Operand,
  options: Reduced<R> & { readonly beta?: number } = {},
): Result<R> {
  checkOptions("smoothL1Loss", options, { ...reducedNames, beta: true });
  const { beta = 1, ...rest } = options;
  if (beta === 0) return l1Loss(prediction, target, rest);
  positive("smoothL1Loss", "beta", beta);
  const { graph, ref } = differenceOf("smoothL1Loss", prediction, target);
  return reduced(new Tensor(graph, huber(graph.recorder, ref, beta)).div(beta), options.reduction);
}
