/**
 * Secret sharing behind one interface: the interface, its cost algebra, its rounds, and the protocols there are.
 * Not operators or layers; nothing above this folder knows how many parties a protocol has.
 */
export { additive } from "./additive/index.js";
export {
  type ChosenProtocol,
  chooseProtocol,
  type ProtocolChoice,
  type ProtocolName,
  protocolNamed,
  protocols,
} from "./choice.js";
export { type Cost, freeOfCharge, inSequence, opening, sideBySide } from "./cost.js";
export { createEnds, type Ends } from "./ends.js";
export { plain } from "./plain/index.js";
export { planeWords } from "./planes.js";
export type * from "./protocol.js";
export { rep3 } from "./rep3/index.js";
export { atOnce, type Exchange, inTurn, parallel, type Rounds, type Transfer } from "./rounds.js";
