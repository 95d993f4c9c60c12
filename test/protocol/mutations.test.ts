/**
 * Does the conformance suite notice? Each test spoils rep3 in one way and demands that the named check fails. Masks are
 * dropped one by one in masks.test.ts; rep3 itself is tested in conformance.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Protocol,
  type ProtocolDefinition,
  type ProtocolHost,
  type Rounds,
  rep3,
  type Share,
  type Site,
} from "../../src/protocol/index.js";
import { asShare, openProduct, Replicated } from "../../src/protocol/rep3/share.js";
import type { StreamId } from "../../src/random/index.js";
import { checks } from "./conformance.js";
import { peekRep3 } from "./peek.js";

interface Mutation {
  readonly name: string;
  readonly definition: ProtocolDefinition;
  /** The check that must fail. */
  readonly fails: string;
}

/** rep3 with some methods replaced; `patch` gets the methods as they were. */
function patched(
  patch: (protocol: Protocol, original: Protocol, host: ProtocolHost) => Partial<Protocol>,
): ProtocolDefinition {
  const create = (host: ProtocolHost) => {
    const protocol = rep3.create(host);
    return Object.assign(protocol, patch(protocol, rep3.create(host), host));
  };
  return { ...rep3, create };
}

/** rep3 whose sites give other nonces; one nonce is still taken each time. */
function withNonces(spoil: (nonce: StreamId, party: number) => StreamId): ProtocolDefinition {
  return patched((protocol, original, host) => {
    const spoilSite = (site: Site): Site => ({
      scope: site.scope,
      pivot: site.pivot,
      nonce: () => spoil(site.nonce(), host.self),
    });
    const methods = ["reshare", "truncate", "and", "msb", "isZero", "toBits", "fromBits", "select", "input"] as const;
    const wrap = (name: (typeof methods)[number]) => {
      const method = original[name] as (site: Site, ...rest: unknown[]) => unknown;
      return [name, (site: Site, ...rest: unknown[]) => method.call(original, spoilSite(site), ...rest)];
    };
    return Object.fromEntries(methods.map(wrap)) as Partial<typeof protocol>;
  });
}

/** reshare that sends the bare summand. */
function* bareReshare(site: Site, words: ReturnType<typeof openProduct>, host: ProtocolHost): Rounds<Share> {
  site.nonce();
  const { n } = words;
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  host.ring.kernels.copy(a.ptr, words.words.ptr, n);
  yield {
    send: [{ peer: (host.self + 2) % 3, block: a, bytes: n * 8 }],
    receive: [{ peer: (host.self + 1) % 3, block: b, bytes: n * 8 }],
  };
  return asShare(new Replicated(n, a, b));
}

const sameSeeds = rep3.sharing.freshSeeds();

const mutations: Mutation[] = [
  {
    name: "reshare skips its mask",
    definition: patched((_, __, host) => ({ reshare: (site, x) => bareReshare(site, openProduct(x), host) })),
    fails: "received words are uniform",
  },
  {
    name: "nonces repeat in the next run",
    definition: withNonces((nonce) => ({ ...nonce, run: 5 })),
    fails: "no mask is used twice",
  },
  {
    name: "nonces repeat within a run",
    definition: withNonces((nonce) => ({ ...nonce, node: 5 })),
    fails: "no mask is used twice",
  },
  {
    name: "one party uses another nonce",
    definition: withNonces((nonce, party) => (party === 1 ? { ...nonce, chunk: nonce.chunk + 1 } : nonce)),
    fails: "products and reshare",
  },
  {
    name: "one party swaps its two keys",
    definition: {
      ...rep3,
      create: (host) =>
        rep3.create({
          ...host,
          pairKey: (peer, label) =>
            host.pairKey(host.self === 1 ? (host.self === peer ? peer : 2 - peer) : peer, label),
        }),
    },
    fails: "input and reveal",
  },
  {
    name: "msb looks at one bit less",
    definition: patched((_, original) => ({ msb: (site, x, width) => original.msb(site, x, Math.max(2, width - 1)) })),
    fails: "msb is the sign",
  },
  {
    name: "isZero looks at one bit less",
    definition: patched((_, original) => ({
      isZero: (site, x, width) => original.isZero(site, x, Math.max(1, width - 1)),
    })),
    fails: "isZero sees zero",
  },
  {
    name: "truncate rounds to the nearest",
    definition: patched((_, original, host) => ({
      *truncate(site, x, shift) {
        const { n, words } = openProduct(x);
        // Half a unit more, at one party: right within one, but no longer unbiased.
        const half = 1n << BigInt(shift - 1);
        if (host.self === 0) host.ring.kernels.addScalar(words.ptr, words.ptr, half, n);
        const result = yield* original.truncate(site, x, shift);
        if (host.self === 0) host.ring.kernels.addScalar(words.ptr, words.ptr, -half, n);
        return result;
      },
    })),
    fails: "truncate is unbiased",
  },
  {
    name: "truncate shifts each component (local truncation)",
    definition: patched((_, original, host) => ({
      *truncate(site, x, shift) {
        const share = yield* original.reshare(site, x);
        const { n, a, b } = share as unknown as Replicated;
        for (const block of [a, b]) host.ring.kernels.sar(block.ptr, block.ptr, shift, n);
        return share;
      },
    })),
    fails: "truncate is floor or one above",
  },
  {
    name: "outgoing parts are the bare components",
    definition: patched((_, __, { ring: { kernels } }) => ({
      outgoing(site, x) {
        site.nonce();
        const { n, a } = x as unknown as Replicated;
        const part = site.scope.alloc(n);
        kernels.copy(part.ptr, a.ptr, n);
        return part;
      },
    })),
    fails: "outgoing parts are re-randomised",
  },
  {
    name: "an outsider's seeds are always the same",
    definition: { ...rep3, sharing: { ...rep3.sharing, freshSeeds: () => sameSeeds } },
    fails: "an outsider's sharing tells nothing to any party",
  },
  {
    name: "an outsider uses one seed for both components",
    definition: {
      ...rep3,
      sharing: {
        ...rep3.sharing,
        freshSeeds() {
          const [seed] = rep3.sharing.freshSeeds().byParty[1]!;
          return { byParty: [[seed!, seed!], [seed!], [seed!]] };
        },
      },
    },
    fails: "an outsider's sharing tells nothing to any party",
  },
  {
    name: "select takes a second nonce",
    definition: patched((_, original) => ({
      *select(site, bits, x) {
        site.nonce();
        return yield* original.select(site, bits, x);
      },
    })),
    fails: "fromBits and select",
  },
  {
    name: "select forgets a block",
    definition: patched((_, original) => ({
      *select(site, bits, x) {
        site.scope.alloc(1);
        return yield* original.select(site, bits, x);
      },
    })),
    fails: "nothing is left in memory",
  },
  {
    name: "and takes an idle round more than declared",
    definition: patched((_, original) => ({
      *and(site, x, y) {
        yield { send: [], receive: [] };
        return yield* original.and(site, x, y);
      },
    })),
    fails: "rounds and bytes are as declared",
  },
  {
    name: "msb declares one word less",
    definition: {
      ...rep3,
      costs: (wordBytes) => ({
        ...rep3.costs(wordBytes),
        msb(n, width, pivot) {
          const { rounds, bytes } = rep3.costs(wordBytes).msb(n, width, pivot);
          return { rounds, bytes: [bytes[0]! - wordBytes, ...bytes.slice(1)] };
        },
      }),
    },
    fails: "rounds and bytes are as declared",
  },
];

function mustFail(definition: ProtocolDefinition, name: string): void {
  const check = checks(definition, { peek: peekRep3 }).find((one) => one.name === name);
  assert.ok(check, `no check is called ${name}`);
  assert.throws(() => check.run(), assert.AssertionError, `"${name}" did not notice`);
}

describe("the conformance suite notices when", () => {
  for (const { name, definition, fails } of mutations) test(`${name} ("${fails}")`, () => mustFail(definition, fails));
});
