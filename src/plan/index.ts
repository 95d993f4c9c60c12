/** Plans as data: recording, differentiation, cost, wire form. Not their evaluation (`engine/`) or approval (`party/`). */
export { type Link, planCost, secondsOnLink } from "./cost.js";
export { differentiate } from "./differentiate.js";
export { decodePlan, defaultLimits, digestOf, encodePlan, type PlanLimits } from "./encode.js";
export { inferNode } from "./infer.js";
export * from "./interface.js";
export { type Plan, type PlanCost, type PlanNode, type Unproved, wordBytesOf } from "./plan.js";
export { Recorder, type RecordLimits } from "./record.js";
export { type Step, stepsOf } from "./stages.js";
export { envOf } from "./word-size.js";
