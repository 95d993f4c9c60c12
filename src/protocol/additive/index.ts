/** The public surface of additive sharing. */
export { dealtAhead } from "./dealt.js";
export { additive } from "./definition.js";
