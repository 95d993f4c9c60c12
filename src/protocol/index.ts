/**
 * Secret sharing behind one interface: the interface, its cost algebra, its rounds, and the protocols there are.
 * Not operators or layers; nothing above this folder knows how many parties a protocol has.
 *
 * A new protocol is a folder with the same file names and one line in `protocols`: those on which the tests run.
 */
import { InputError } from "../errors.js";
import { additive, dealtAhead } from "./additive/index.js";
import { plain } from "./plain/index.js";
import type { ProtocolDefinition } from "./protocol.js";
import { rep3 } from "./rep3/index.js";

export { type Cost, freeOfCharge, inSequence, opening, sideBySide } from "./cost.js";
export type * from "./protocol.js";
export { atOnce, type Exchange, inTurn, parallel, type Rounds, type Transfer } from "./rounds.js";
export { additive, plain, rep3 };

export const protocols: readonly ProtocolDefinition[] = [plain, rep3, additive(2), additive(2, "fss"), additive(3)];

export function protocolNamed(name: string): ProtocolDefinition {
  const found = protocols.find((definition) => definition.name === name);
  if (found) return found;
  // Additive sharing among more parties: as many as a cluster file holds, less the dealer.
  const count = /^additive-([4-9]|1[0-5])$/.exec(name)?.[1];
  if (count) return additive(Number(count));
  const live = name.endsWith("-dealt") ? protocolNamed(name.slice(0, -"-dealt".length)) : undefined;
  if (live?.dealer !== undefined) return dealtAhead(live);
  const names = protocols.map((definition) => definition.name).join(", ");
  throw new InputError(
    `protocol: expected one of ${names} (up to additive-15; with a dealer who deals ahead: additive-2-dealt, …), got ${JSON.stringify(name)}; try rep3`,
  );
}
