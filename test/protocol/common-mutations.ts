/** Flaws that any protocol may have, spoilt from outside. Those of one protocol are in the tests of its name. */
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import { aside, type Mutation, patched, withNonces } from "./mutants.js";

export function commonMutations(definition: ProtocolDefinition): Mutation[] {
  const sameSeeds = definition.sharing.freshSeeds();
  const spoilt = (patch: Parameters<typeof patched>[1]) => patched(definition, patch);
  return [
    {
      name: "nonces repeat in the next run",
      definition: withNonces(definition, (nonce) => ({ ...nonce, run: 5 })),
      fails: "no mask is used twice",
    },
    {
      name: "nonces repeat within a run",
      definition: withNonces(definition, (nonce) => ({ ...nonce, node: 5 })),
      fails: "no mask is used twice",
    },
    {
      name: "nonces repeat, and messages happen to differ",
      definition: withNonces(definition, (nonce) => ({ ...nonce, node: 5 })),
      fails: "no stream is opened twice",
    },
    {
      name: "one party uses another nonce",
      definition: withNonces(definition, (nonce, party) =>
        party === 1 ? { ...nonce, chunk: nonce.chunk + 1 } : nonce,
      ),
      fails: "products and reshare",
    },
    {
      name: "msb looks at one bit less",
      definition: spoilt((original) => ({
        msb: (site, x, width) => original.msb(site, x, Math.max(2, width - 1)),
      })),
      fails: "msb is the sign",
    },
    {
      name: "isZero looks at one bit less",
      definition: spoilt((original) => ({
        isZero: (site, x, width) => original.isZero(site, x, Math.max(1, width - 1)),
      })),
      fails: "isZero sees zero",
    },
    {
      name: "truncate rounds to the nearest",
      // Half a unit more: right within one, but no longer unbiased.
      definition: spoilt((original, { ring }) => ({
        *truncate(site, x, shift) {
          const { n } = x;
          const half = site.scope.alloc(n);
          ring.kernels.fill(half.ptr, 1n << BigInt(shift - 1), n);
          const more = original.linearProduct(
            aside(site),
            [x, original.lift(aside(site), original.fromPublic(aside(site), half))],
            n,
            (dst, [a, b]) => ring.kernels.add(dst.ptr, a!.ptr, b!.ptr, n),
          );
          return yield* original.truncate(site, more, shift);
        },
      })),
      fails: "truncate is unbiased",
    },
    {
      name: "select takes the others",
      definition: spoilt((original) => ({
        select: (site, bits, x) => original.select(site, original.not(aside(site), bits), x),
      })),
      fails: "fromBits and select",
    },
    {
      name: "select takes a second nonce",
      definition: spoilt((original) => ({
        *select(site, bits, x) {
          site.nonce();
          return yield* original.select(site, bits, x);
        },
      })),
      fails: "fromBits and select",
    },
    {
      name: "product forgets a block",
      definition: spoilt((original) => ({
        product(site, x, y, n, map) {
          site.scope.alloc(1);
          return original.product(site, x, y, n, map);
        },
      })),
      fails: "nothing is left in memory",
    },
    {
      name: "and takes an idle round more than declared",
      definition: spoilt((original) => ({
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
        ...definition,
        costs: (wordBytes) => ({
          ...definition.costs(wordBytes),
          msb(n, width, pivot) {
            const { rounds, bytes } = definition.costs(wordBytes).msb(n, width, pivot);
            return { rounds, bytes: bytes.with(-1, bytes.at(-1)! - wordBytes) };
          },
        }),
      },
      fails: "rounds and bytes are as declared",
    },
    {
      name: "an outsider's seeds are always the same",
      definition: { ...definition, sharing: { ...definition.sharing, freshSeeds: () => sameSeeds } },
      fails: "an outsider's sharing tells nothing to any party",
    },
    ...[0n, -1n, 1n, "largest", "smallest"].map(
      (edge): Mutation => ({
        name: `msb is wrong at ${edge} only`,
        definition: spoilt((original, { ring }) => ({
          *msb(site, x, width) {
            const { n } = x;
            const largest = (1n << BigInt(width - 1)) - 1n;
            const at = edge === "largest" ? largest : edge === "smallest" ? -largest : (edge as bigint);
            const words = site.scope.alloc(n);
            ring.kernels.fill(words.ptr, at, n);
            const off = original.linear(aside(site), [x, original.fromPublic(aside(site), words)], n, (dst, [a, b]) =>
              ring.kernels.sub(dst.ptr, a!.ptr, b!.ptr, n),
            );
            const there = yield* original.isZero(aside(site, 2), off, width);
            return original.xor(aside(site), yield* original.msb(site, x, width), there);
          },
        })),
        fails: "msb is the sign",
      }),
    ),
  ];
}
