/** The operators of plans. `build.ts` has the composed ones that people call; `table.ts` the vocabulary itself. */

export { isOne } from "./arithmetic.js";
export { coinSteps, mostDropped } from "./coin.js";
export { encodeWords, mantissaBits } from "./constant.js";
export { isDataset } from "./flow.js";
export { highDigits, radix } from "./leading.js";
export { significantBits } from "./numbers.js";
export type {
  Builder,
  EvalContext,
  EvalHost,
  Flow,
  GradientRule,
  Kind,
  Look,
  Made,
  NodeTypes,
  Operator,
  PlanEnv,
  Precision,
  Ref,
  RowRequest,
  StoredRows,
  Value,
  ValueType,
} from "./op.js";
export { mostLoss, type Release, releases } from "./sink.js";
export { atPivot, firstStage, publicBeside, secondStage } from "./stages.js";
export { type OpName, operator, operators, sinks } from "./table.js";
export { comparisonWidth, declaredIntegerBits, maxBound, widestBound } from "./type.js";
export { octaveBits } from "./waves.js";
