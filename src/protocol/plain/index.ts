/** One party, no secrecy: the oracle, the clear twin and the template of a protocol folder. */
export { plain } from "./definition.js";
