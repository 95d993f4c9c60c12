/**
 * Additive sharing whose dealer has dealt ahead: the same protocol among the compute parties alone, for a cluster without a
 * dealer. Not where what was dealt is kept, which is the party's business: for each run it creates an end of `live`, with
 * keys and corrections that no other run has had.
 */
import { secureRandom } from "../../random/index.js";
import { bySize, type Cost } from "../cost.js";
import type { ProtocolDefinition } from "../protocol.js";
import { colluders } from "./definition.js";

/** `live`: the protocol with the dealer in the session, as its last member. */
export function dealtAhead(live: ProtocolDefinition): ProtocolDefinition {
  const count = live.parties - 1;
  const { sharing, comparisons } = live;
  return {
    name: `${live.name}-dealt`,
    parties: count,
    live,
    protects: `${colluders(count)}, nor does the dealer, as long as all follow the protocol; the dealer, or whoever has the files that it made for all parties, learns everything with any one party.`,
    costs: bySize(({ wordBytes }) => among(live.costs(wordBytes), count)),
    ...(comparisons
      ? {
          comparisons: {
            adder: bySize(({ wordBytes }) => among(comparisons.adder(wordBytes), count)),
            fss: bySize(({ wordBytes }) => among(comparisons.fss(wordBytes), count)),
          },
        }
      : {}),
    sharing: {
      freshSeeds: () => ({ byParty: sharing.freshSeeds().byParty.slice(0, count) }),
      correction: (seeds, offset, words) => sharing.correction(seeds, offset, words),
      keepsCorrection: sharing.keepsCorrection.slice(0, count),
      combine: (parts, wordBytes) => sharing.combine(parts, wordBytes),
    },
    // For storage, and for what needs nothing dealt: the key with the dealer matches nobody's.
    create: (host) =>
      live.create({
        ...host,
        pairKey: (peer, label) => (peer === count ? secureRandom(16) : host.pairKey(peer, label)),
      }),
  };
}

/** The same formulas without what the dealer sends. */
function among<T extends object>(costs: T, count: number): T {
  const cut = (rule: unknown): unknown => {
    if (typeof rule === "function")
      return (...args: unknown[]) => {
        const cost: unknown = rule(...args);
        return isCost(cost) ? { ...cost, bytes: cost.bytes.slice(0, count) } : cost;
      };
    return typeof rule === "object" && rule !== null ? among(rule, count) : rule;
  };
  return Object.fromEntries(Object.entries(costs).map(([name, rule]) => [name, cut(rule)])) as T;
}

const isCost = (value: unknown): value is Cost => typeof value === "object" && value !== null && "bytes" in value;
