/**
 * Which protocols there are, and how a program says which one among whom. Not how any of them works.
 *
 * A new protocol is a folder with the same file names and one line in `protocols`: those on which the tests run.
 */
import { InputError } from "../errors.js";
import { checkChoice, checkOptions, nearest } from "../options.js";
import { additive, dealtAhead } from "./additive/index.js";
import { plain } from "./plain/index.js";
import type { ProtocolDefinition } from "./protocol.js";
import { rep3 } from "./rep3/index.js";

export const protocols: readonly ProtocolDefinition[] = [plain, rep3, additive(2), additive(2, "fss"), additive(3)];

type Count = 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15;
/** Protocols whose members are all there while they compute. */
export type ProtocolName = "plain" | "rep3" | `additive-${Count}` | "additive-2-fss";

/** A protocol by its name, its members being called p0, p1, …, a dealer the last; or with names of theirs. */
export type ProtocolChoice =
  | ProtocolName
  /** One party, which computes on the numbers themselves: for finding mistakes. */
  | { readonly kind: "plain" }
  /** Three parties, of which any one learns nothing. */
  | { readonly kind: "rep3"; readonly parties?: readonly [string, string, string] }
  /** Parties of which all but one together learn nothing, and a dealer. */
  | {
      readonly kind: "additive";
      /** 2 to 15 parties that compute. */
      readonly parties: readonly string[];
      /** Hands out correlated random numbers and holds no share; with any one party it could learn everything. */
      readonly dealer: string;
      /** "fss", between two parties: half the rounds, for about 1 kB of the dealer's to each party for each comparison. Default "adder". */
      readonly comparison?: "adder" | "fss";
    };

export interface ChosenProtocol {
  readonly definition: ProtocolDefinition;
  /** Of all members, in the protocol's order: a dealer is the last. */
  readonly names: readonly string[];
}

/** Throws InputError for an unknown protocol or comparison, a wrong number of parties, and names that are not distinct. */
export function chooseProtocol(choice: ProtocolChoice): ChosenProtocol {
  if (typeof choice === "string") return among(protocolNamed(choice));
  if (typeof choice !== "object" || choice === null)
    throw new InputError(`protocol: expected a name or an object with a kind, got ${typeof choice}; try "rep3"`);
  switch (choice.kind) {
    case "plain":
      checkOptions("protocol", choice, { kind: true });
      return among(plain);
    case "rep3":
      checkOptions("protocol", choice, { kind: true, parties: true });
      return among(rep3, choice.parties);
    case "additive": {
      checkOptions("protocol", choice, { kind: true, parties: true, dealer: true, comparison: true });
      // The types say what is there, but not to everybody: options may come from a command line or from JavaScript.
      const { parties = [], dealer, comparison = "adder" } = choice;
      const { length } = parties;
      if (!Array.isArray(parties) || length < 2 || length > 15)
        throw new InputError(
          `protocol: expected the names of 2 to 15 parties, beside the dealer, got ${Array.isArray(parties) ? length : "no list"}; try parties p0,p1`,
        );
      if (typeof dealer !== "string" || dealer === "")
        throw new InputError(`protocol: expected the name of a dealer, got none; try dealer: "dealer"`);
      checkChoice("protocol", "the comparison", comparison, ["adder", "fss"]);
      if (comparison === "fss" && length !== 2)
        throw new InputError(`protocol: expected two parties for the comparison "fss", got ${length}; try "adder"`);
      if (parties.includes(dealer))
        throw new InputError(
          `protocol: expected a dealer that is none of the parties, got ${dealer}; try somebody whom no party controls`,
        );
      const name = `additive-${length}${comparison === "fss" ? "-fss" : ""}`;
      return among(protocolNamed(name), [...parties, dealer]);
    }
    default:
      throw unknownKind(choice);
  }
}

function unknownKind(choice: object): InputError {
  const { kind } = choice as { readonly kind?: unknown };
  const kinds = ["rep3", "additive", "plain"];
  const meant = "dealer" in choice ? "additive" : typeof kind === "string" ? nearest(kind, kinds) : "rep3";
  return new InputError(
    `protocol: expected the kind "rep3", "additive" or "plain", got ${JSON.stringify(kind)}; try "${meant}"`,
  );
}

/** The protocol of a cluster file. Throws InputError for one that does not exist. */
export function protocolNamed(name: string): ProtocolDefinition {
  const found = protocols.find((definition) => definition.name === name);
  if (found) return found;
  // Additive sharing among more parties: as many as a cluster file holds, less the dealer.
  const count = /^additive-([4-9]|1[0-5])$/.exec(name)?.[1];
  if (count) return additive(Number(count));
  const live = name.endsWith("-dealt") ? protocolNamed(name.slice(0, -"-dealt".length)) : undefined;
  if (live?.dealer !== undefined) return dealtAhead(live);
  const names = protocols.map((definition) => definition.name);
  throw new InputError(
    `protocol: expected one of ${names.join(", ")} (up to additive-15; with a dealer who deals ahead: additive-2-dealt, …), got ${JSON.stringify(name)}; try ${nearest(name, names)}`,
  );
}

function among(
  definition: ProtocolDefinition,
  names: readonly string[] = Array.from({ length: definition.parties }, (_, i) => `p${i}`),
): ChosenProtocol {
  if (names.length !== definition.parties)
    throw new InputError(`protocol: expected ${definition.parties} names for ${definition.name}, got ${names.length}`);
  names.forEach((name, i) => {
    if (typeof name !== "string" || name === "")
      throw new InputError(`protocol: expected a name for each member, got ${JSON.stringify(name)}; try "p${i}"`);
    if (names.indexOf(name) !== i)
      throw new InputError(`protocol: expected each name once, got ${name} twice; try "p${i}"`);
  });
  return { definition, names };
}
