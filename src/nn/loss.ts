/** Losses: scalars to minimise, which remember each row's share of the loss for `data.meanLoss`. */
import { ShapeError } from "../errors.js";
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

/**
 * Squared error. `mean` (default) divides by the number of elements, as PyTorch; `sum` by nothing; `batchMean` by the
 * number of rows. At 20 fraction bits differences must stay below 2^12 in magnitude: scale larger targets down.
 */
export function mseLoss(
  prediction: Tensor,
  target: Operand,
  options: { reduction?: "mean" | "sum" | "batchMean" } = {},
): Loss {
  const difference = prediction.sub(target);
  if (difference.size !== prediction.size)
    throw new ShapeError(
      `mseLoss: expected a target of shape [${prediction.shape}], got one that broadcasts to [${difference.shape}]`,
    );
  const rank = prediction.shape.length;
  const rows =
    rank <= 1 ? difference.square() : difference.square().sum(prediction.shape.slice(1).map((_, i) => i + 1));
  const total = rows.sum();
  const batch = prediction.shape[0] ?? 1;
  const { reduction = "mean" } = options;
  const pooled = reduction === "sum" ? total : total.div(reduction === "mean" ? prediction.size : batch);
  return new Loss(pooled, rows);
}
