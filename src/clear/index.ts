/** Plans in float64, in the clear: what parties compute without rounding, and whether it keeps within its bounds. */
export { type ClearResult, evaluateClear, type Overflow } from "./evaluate.js";
export type { ClearHost, Reals } from "./meaning.js";
