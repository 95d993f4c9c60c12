/**
 * secretgrad/browser/local: all parties inside one web page, for tutorials and for trying things out. Nothing is secret from the
 * page, which holds every share; a page that asks real parties takes secretgrad/browser.
 *
 * ```ts
 * import { local } from "secretgrad/browser/local";
 *
 * const cluster = await local();
 * await cluster.share("alice/x", [[1, 2], [3, 4]]);
 * ```
 *
 * Where there is Node, this is the same code on what Node brings; in a page `node/` stands in for it. Reading files is Node's alone.
 */
export { type LocalOptions, LocalSession, local } from "../client/local.js";
export type { OperatorReport, RunReport } from "../client/run-answer.js";
export * as data from "../data/index.js";
export * from "../errors.js";
export * as nn from "../nn/index.js";
export * as optim from "../optim/index.js";
export type { ProtocolChoice, ProtocolName } from "../protocol/index.js";
/** Words of Z_2^64 in wasm memory and the kernels that compute on them, without parties. */
export * as ring from "../ring/index.js";
export {
  concat,
  einsum,
  type Operand,
  Plaintext,
  type Sorted,
  stack,
  Tensor,
  type Values,
  where,
} from "../tensor/index.js";
