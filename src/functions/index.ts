/** Functions of secret values, element by element: approximations with a stated domain and largest error. */
export { exp, expNonPositive } from "./exp.js";
export { abs, clamp, hardsigmoid, minimum, pow, sign } from "./piecewise.js";
export { divide, type Known, log, reciprocal, rsqrt, sqrt } from "./powers.js";
export { reciprocalFromOne } from "./reciprocal.js";
export { erf, gelu, sigmoid, silu, softplus, tanh } from "./saturating.js";
export { cos, sin } from "./trigonometry.js";
