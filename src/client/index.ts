/** How drivers and owners reach the parties. */

export type { Invitation } from "../serving/invitation.js";
export { type ConnectOptions, connect, connectOwner, type IdentityOptions, prepare, reach } from "./connect.js";
export type { DeployedModel, DeployOptions, ModelListing } from "./deploy.js";
export type { ComparisonCost, PlanDescription, RevealDescription } from "./describe.js";
export { describePlan, standardLink } from "./describe.js";
export type { GrantInfo, GrantLimits } from "./granting.js";
export type { VariableListing } from "./listings.js";
export { type LocalOptions, LocalSession, local } from "./local.js";
export { type ConnectModelOptions, connectModel } from "./model.js";
export { Owner, type ShareDatasetOptions, type WatchOptions } from "./owner.js";
export type { OperatorReport, RunReport } from "./run-answer.js";
export { Session } from "./session.js";
export type { SessionOptions } from "./session-options.js";
export { type ClearStep, ClearTwin, type Difference, type TwinOptions } from "./twin.js";
