/** The public surface of src/party: one party of a cluster, in this process (`Party`) or as a daemon (`Daemon`). */
export {
  type Caller,
  type Cluster,
  type ClusterParty,
  type ClusterUser,
  checkCluster,
  indexOfParty,
  parseCluster,
  type Role,
} from "./cluster.js";
export { Daemon, type DaemonOptions } from "./daemon.js";
export { coinKey } from "./dealing.js";
export { type DealOptions, type DealtOutput, deal } from "./dealt/deal.js";
export type { Grant, GrantInfo } from "./grants.js";
export { type Limits, standardLimits } from "./limits.js";
export { type Logger, silent } from "./logger.js";
export { memoryStores } from "./memory-stores.js";
export { type Method, methods, type Params } from "./methods.js";
export { openStores } from "./open-stores.js";
export { type Answer, Party, type PartyOptions } from "./party.js";
export { storedOrder } from "./rows.js";
export type { Stores } from "./stores.js";
export type { Threads } from "./threads.js";
export type { VariableMeta } from "./variable-meta.js";
