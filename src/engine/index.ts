/** Evaluation of plans at one party. Not recording (`plan/`) and not permission (`party/`). */
export { compile, type Program } from "./compile.js";
export { execute, type RunOptions, type RunStats } from "./execute.js";
export { type OperatorTime, Profile, type ProfileRow } from "./profile.js";
export { NodeSite } from "./site.js";
