/**
 * secretgrad: machine learning on data that nobody may see.
 *
 * Write PyTorch-like code; it records plans, which the parties of a cluster evaluate on secret shares. Nothing but what
 * is revealed, under the grants of the data's owners, is ever seen by anybody.
 *
 * ```ts
 * import { connect, data, nn, optim } from "secretgrad";
 *
 * const cluster = await connect("cluster.json"); // or: await local(), all parties in this process, no secrecy
 * const images = cluster.dataset("alice/images");
 * const labels = cluster.dataset("bob/labels");
 *
 * const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
 * const sgd = optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9 });
 *
 * for await (const batch of data.batches({ images, labels }, { size: 128 })) {
 *   const loss = nn.mseLoss(model(batch.images), batch.labels, { reduction: "batchMean" });
 *   sgd.minimize(loss);
 *   console.log(await data.meanLoss(loss).reveal());
 * }
 * await cluster.close();
 * ```
 */
export type { Overflow } from "./clear/index.js";
export {
  type ClearStep,
  ClearTwin,
  type ConnectModelOptions,
  type ConnectOptions,
  connect,
  connectModel,
  connectOwner,
  type DeployedModel,
  type DeployOptions,
  type Difference,
  type GrantInfo,
  type GrantLimits,
  type Invitation,
  type LocalOptions,
  LocalSession,
  local,
  type ModelListing,
  type OperatorReport,
  Owner,
  type PlanDescription,
  type RunReport,
  Session,
  type SessionOptions,
  type TwinOptions,
  type VariableListing,
} from "./client/index.js";
export * as data from "./data/index.js";
export * from "./errors.js";
export * as nn from "./nn/index.js";
export * as optim from "./optim/index.js";
export type { ProtocolChoice, ProtocolName } from "./protocol/index.js";
export type { ScaledInvitation } from "./scale/index.js";
export type { ServedModel } from "./serving/asking.js";
export type { PolicyOptions } from "./serving/policy.js";
export type { ModelInput, Prediction } from "./serving/prediction.js";
export type { ModelFacts } from "./serving/wire.js";
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
} from "./tensor/index.js";
