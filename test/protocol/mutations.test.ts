/**
 * Does the conformance suite notice? Each test spoils rep3 in one way and demands that the named check fails; the last
 * ones drop every mask of every primitive in turn. Not tests of rep3 itself, that is conformance.test.ts.
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
import { Rep3 } from "../../src/protocol/rep3/definition.js";
import { asShare, openProduct, Replicated } from "../../src/protocol/rep3/share.js";
import { Prg, type Stream, type StreamId } from "../../src/random/index.js";
import { type Case, casesOf, freeInputs, makeInputs, someWords } from "./cases.js";
import { checks } from "./conformance.js";
import { Lab } from "./harness.js";
import { peekRep3 } from "./peek.js";
import { PREPARING, privacyChecks } from "./privacy.js";

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
      costs: {
        ...rep3.costs,
        msb(n, width, pivot) {
          const { rounds, bytes } = rep3.costs.msb(n, width, pivot);
          return { rounds, bytes: [bytes[0]! - 8, ...bytes.slice(1)] };
        },
      },
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

// -- every mask, one by one --

interface Draw {
  /** Index of the key among k_0, k_1, k_2: k_i is shared by parties i - 1 and i. */
  readonly key: number;
  /** Which draw from its stream. */
  readonly index: number;
}
const keyOf = (self: number, peer: number) => (peer === (self + 1) % 3 ? peer : self);

/** A Prg that tells of each draw and may blank it. The labs that prepare inputs are left alone. */
class WatchedPrg extends Prg {
  constructor(
    key: Uint8Array,
    readonly watch: (index: number, target: Uint8Array) => void,
  ) {
    super(key);
  }
  override stream(id: StreamId): Stream {
    const stream = super.stream(id);
    if (id.run === PREPARING) return stream;
    let index = 0;
    const fill = (target: Uint8Array) => {
      stream.fill(target);
      this.watch(index++, target);
    };
    return { fill } as unknown as Stream;
  }
}

function watched(watch: (self: number, draw: Draw, target: Uint8Array) => void): ProtocolDefinition {
  const create = (host: ProtocolHost) =>
    new Rep3(host, (key, peer) => {
      const index = keyOf(host.self, peer);
      return new WatchedPrg(key, (draw, target) => watch(host.self, { key: index, index: draw }, target));
    });
  return { ...rep3, create };
}

/** The draws of one primitive. Both holders of a key must make the same ones. */
function drawsOf(one: Case, n: number, pivot: number): Draw[] {
  const seen: string[][] = [[], [], []];
  const definition = watched((self, { key, index }, target) => seen[self]!.push(`${key} ${index} ${target.length}`));
  const base = new Lab(definition, { run: PREPARING });
  const inputs = makeInputs(base, someWords(n));
  const lab = new Lab(definition);
  lab.call((end, site) => one.start(end, site, inputs), pivot);
  const all = new Set(seen.flat());
  for (const draw of all) {
    const key = Number(draw.split(" ")[0]);
    for (const holder of [key, (key + 2) % 3])
      assert.ok(seen[holder]!.includes(draw), `party ${holder} misses ${draw}`);
  }
  lab.close();
  freeInputs(base, inputs);
  base.close();
  return [...all].map((draw) => {
    const [key, index] = draw.split(" ").map(Number) as [number, number];
    return { key, index };
  });
}

const HIDES = "received words tell nothing to who knows its own keys";

describe(`"${HIDES}" notices when a mask is zero:`, () => {
  for (const one of casesOf(rep3).filter(({ opens }) => !opens))
    test(one.name, () => {
      const draws = new Map(
        [0, 1, 2].flatMap((pivot) => drawsOf(one, 4096, pivot)).map((draw) => [`${draw.key} ${draw.index}`, draw]),
      );
      assert.ok(draws.size > 0, "it must draw something");
      for (const dropped of draws.values()) {
        const definition = watched((_, { key, index }, target) => {
          if (key === dropped.key && index === dropped.index) target.fill(0);
        });
        const check = privacyChecks(definition, { peek: peekRep3 }, [one]).find(({ name }) => name === HIDES)!;
        assert.throws(() => check.run(), assert.AssertionError, `draw ${dropped.index} of key ${dropped.key}`);
      }
    });
  test("both holders of a key draw the same, also in three pieces", () => {
    for (const one of casesOf(rep3)) for (const n of [65, 5000, 20000]) drawsOf(one, n, 1);
  });
});
