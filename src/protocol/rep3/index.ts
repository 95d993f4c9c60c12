/** Replicated secret sharing among three parties: the default protocol. */
export { rep3 } from "./definition.js";
