/** Functions of secret values, element by element: approximations with a stated domain and largest error. */
export { exp, expNonPositive } from "./exp.js";
export { reciprocalFromOne } from "./reciprocal.js";
export { logSoftmax, logSumExp, softmax } from "./softmax.js";
