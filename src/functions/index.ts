/** Functions of secret values, element by element: approximations with a stated domain and largest error. */

export { exp, expNonPositive } from "./exp.js";
export { lowered, timesConstant, truncated } from "./fixed.js";
export { type Hypot, type HypotOptions, hypot, operandBits } from "./hypot.js";
export { binaryCrossEntropy, binaryCrossEntropyWithLogits, crossEntropy, huber } from "./losses.js";
export { abs, clamp, hardsigmoid, minimum, pow, sign } from "./piecewise.js";
export { divide, divideByPublic, type Known, log, reciprocal, rsqrt, sqrt } from "./powers.js";
export { reciprocalFromOne } from "./reciprocal.js";
export { erf, gelu, sigmoid, silu, softplus, tanh } from "./saturating.js";
export { logSoftmax, logSumExp, softmax } from "./softmax.js";
export { type Standardized, standardize } from "./standardize.js";
export { norm, prod, std, type VarOptions, variance } from "./statistics.js";
export { cos, sin } from "./trigonometry.js";
