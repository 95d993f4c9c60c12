/**
 * Secret sharing behind one interface: the interface, its cost algebra, its rounds, and the protocols there are.
 * Not operators or layers; nothing above this folder knows how many parties a protocol has.
 *
 * A new protocol is a folder with the same file names and one line in `protocols`.
 */
import { InputError } from "../errors.js";
import { plain } from "./plain/index.js";
import type { ProtocolDefinition } from "./protocol.js";
import { rep3 } from "./rep3/index.js";

export { type Cost, freeOfCharge, inSequence, sideBySide } from "./cost.js";
export type * from "./protocol.js";
export { type Exchange, parallel, type Rounds, type Transfer } from "./rounds.js";
export { plain, rep3 };

export const protocols: readonly ProtocolDefinition[] = [plain, rep3];

export function protocolNamed(name: string): ProtocolDefinition {
  const found = protocols.find((definition) => definition.name === name);
  if (found === undefined) {
    const names = protocols.map((definition) => definition.name).join(", ");
    throw new InputError(`protocol: expected one of ${names}, got ${JSON.stringify(name)}; try rep3`);
  }
  return found;
}
