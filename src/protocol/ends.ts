/** One party's ends of a protocol in a session, one for each size of words. Not a protocol. */
import type { WordBytes } from "../ring/index.js";
import type { Protocol, ProtocolDefinition, ProtocolHost } from "./protocol.js";

/** The end over words of that size; that over Z_2^32 is made when it is first asked for. */
export type Ends = (wordBytes: WordBytes) => Protocol;

/** `host.ring` has words of 64 bits. The two ends have keys of their own, so no mask of one is a mask of the other. */
export function createEnds(definition: ProtocolDefinition, host: ProtocolHost): Ends {
  const wide = definition.create(host);
  let narrow: Protocol | undefined;
  return (wordBytes) => {
    if (wordBytes === 8) return wide;
    narrow ??= definition.create({
      ...host,
      ring: host.ring.narrow,
      pairKey: (peer, label) => host.pairKey(peer, `${label}/32`),
    });
    return narrow;
  };
}
