/**
 * Does the conformance suite notice? Each test spoils rep3 in one way and demands that the named check fails. Masks are
 * dropped one by one in masks.test.ts; rep3 itself is tested in conformance.test.ts, and additive sharing is spoilt in
 * additive-mutations.test.ts.
 */
import { describe, test } from "node:test";
import { type ProtocolHost, type Rounds, rep3, type Share, type Site } from "../../src/protocol/index.js";
import { asShare, Halves, openHalves, openProduct, pieces, Replicated, roleOf } from "../../src/protocol/rep3/share.js";
import { commonMutations } from "./common-mutations.js";
import { type Mutation, mustFail, patched } from "./mutants.js";
import { peekRep3 } from "./peek.js";

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

const mutations: Mutation[] = [
  ...commonMutations(rep3),
  {
    name: "reshare skips its mask",
    definition: patched(rep3, (_, host) => ({ reshare: (site, x) => bareReshare(site, openProduct(x), host) })),
    fails: "received words are uniform",
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
    name: "truncate shifts each component (local truncation)",
    definition: patched(rep3, (original, host) => ({
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
    name: "the halves of a truncation lack their rounding",
    definition: patched(rep3, ({ self, stages }, { ring: { kernels } }) => ({
      stages: {
        ...stages!,
        *begin(site, x, shift) {
          const begun = yield* stages!.begin(site, x, shift);
          const { n, words } = openHalves(begun);
          for (const { from, n: count, pivot } of pieces(n, site.pivot))
            if (roleOf(self, pivot) !== 1) kernels.addScalar(words.ptr + from * 8, words.ptr + from * 8, -1n, count);
          return begun;
        },
      },
    })),
    fails: "signs between the stages of a truncation are those of its result",
  },
  {
    name: "the halves of a truncation change hands",
    definition: patched(rep3, ({ stages }) => ({
      stages: {
        ...stages!,
        *begin(site, x, shift) {
          const { n, bits, pivot, words, rest } = openHalves(yield* stages!.begin(site, x, shift));
          return asShare(new Halves(n, bits, pivot + 1, words, rest));
        },
      },
    })),
    fails: "signs between the stages of a truncation are those of its result",
  },
  {
    name: "outgoing parts are the bare components",
    definition: patched(rep3, (_, { ring: { kernels } }) => ({
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
];

describe("the conformance suite notices when", () => {
  for (const { name, definition, fails } of mutations)
    test(`${name} ("${fails}")`, () => mustFail(definition, fails, { peek: peekRep3 }));
});
