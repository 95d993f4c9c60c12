/**
 * Spoilt protocols, and the demand that a check of the conformance suite fails on them. Methods, nonces and costs are spoilt
 * from outside; what lies deeper is spoilt in a copy of the source. Not the list of flaws: mutations.test.ts and
 * additive-mutations.test.ts.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SecretgradError } from "../../src/errors.js";
import type { Exchange, Protocol, ProtocolDefinition, ProtocolHost, Rounds, Site } from "../../src/protocol/index.js";
import type { StreamId } from "../../src/random/index.js";
import type { Case } from "./cases.js";
import { type ConformanceOptions, checks } from "./conformance.js";
import { privacyChecks } from "./privacy.js";

/** A flaw and the check that must fail because of it. */
export interface Mutation {
  readonly name: string;
  readonly definition: ProtocolDefinition;
  readonly fails: string;
}

/** Fails unless the check of this name fails; of checks on messages, by one of the given cases. */
export function mustFail(
  definition: ProtocolDefinition,
  name: string,
  options: ConformanceOptions = {},
  cases?: readonly Case[],
): void {
  const all = cases ? privacyChecks(definition, options, cases) : checks(definition, options);
  const check = all.find((one) => one.name === name);
  assert.ok(check, `no check is called ${name}`);
  // Anything else would be a mistake of the mutation.
  const noticed = (error: unknown) => error instanceof assert.AssertionError || error instanceof SecretgradError;
  assert.throws(() => check.run(), noticed, `"${name}" did not notice it in ${definition.name}`);
}

/** The protocol with some methods replaced; `patch` gets the same end with its methods as they were. */
export function patched(
  definition: ProtocolDefinition,
  patch: (original: Protocol, host: ProtocolHost) => Partial<Protocol>,
): ProtocolDefinition {
  const create = (host: ProtocolHost) => {
    const end = definition.create(host);
    const methods = Object.getPrototypeOf(end) as object;
    const get = (_: Protocol, name: string | symbol): unknown => {
      const method: unknown = Reflect.get(methods, name);
      return typeof method === "function" ? method.bind(end) : Reflect.get(end, name);
    };
    return Object.assign(end, patch(new Proxy(end, { get }), host));
  };
  return { ...definition, create };
}

/** The protocol whose sites give other nonces; one nonce is still taken each time. */
export function withNonces(
  definition: ProtocolDefinition,
  spoil: (nonce: StreamId, party: number) => StreamId,
): ProtocolDefinition {
  return patched(definition, (original, host) => {
    const spoilSite = (site: Site): Site => ({
      scope: site.scope,
      pivot: site.pivot,
      nonce: () => spoil(site.nonce(), host.self),
    });
    const methods = [
      "product",
      "reshare",
      "truncate",
      "and",
      "msb",
      "isZero",
      "toBits",
      "fromBits",
      "select",
      "input",
      "outgoing",
    ] as const;
    const wrap = (name: (typeof methods)[number]) => {
      const method = original[name] as (site: Site, ...rest: unknown[]) => unknown;
      return [name, (site: Site, ...rest: unknown[]) => method.call(original, spoilSite(site), ...rest)];
    };
    return Object.fromEntries(methods.map(wrap)) as Partial<Protocol>;
  });
}

/** The same rounds, each exchange spoilt. */
export function* exchanging<T>(rounds: Rounds<T>, spoil: (exchange: Exchange) => Exchange): Rounds<T> {
  for (;;) {
    const step = rounds.next();
    if (step.done) return step.value;
    yield spoil(step.value);
  }
}

/** A site for a call of the mutation's own: the primitive is asked for one nonce all the same. */
export const aside = (site: Site, chunk = 1): Site => ({
  scope: site.scope,
  pivot: site.pivot,
  nonce: () => ({ run: 77, node: 77, chunk }),
});

/** What may go wrong in any protocol. */
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
        costs: {
          ...definition.costs,
          msb(n, width, pivot) {
            const { rounds, bytes } = definition.costs.msb(n, width, pivot);
            return { rounds, bytes: bytes.with(-1, bytes.at(-1)! - 8) };
          },
        },
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

// -- copies of the source --

/** `from` is found in `file` exactly once, and becomes `to`. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
type Additive = typeof import("../../src/protocol/additive/index.js");
const SOURCE = new URL("../../src/protocol/additive/", import.meta.url);

/** Additive sharing from a copy of its source with these changes; all else is the original. */
export async function spoiltAdditive(edits: readonly Edit[]): Promise<Additive> {
  const folder = mkdtempSync(join(tmpdir(), "secretgrad-mutant-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const file of readdirSync(SOURCE)) {
      let text = readFileSync(new URL(file, SOURCE), "utf8");
      for (const { from, to } of edits.filter((edit) => edit.file === file)) {
        assert.equal(
          text.split(from).length,
          2,
          `${file} must contain this once, or the mutation is out of date: ${from}`,
        );
        text = text.replace(from, () => to);
      }
      const outside = (_: string, path: string) => `from "${new URL(`${path}.ts`, SOURCE)}"`;
      writeFileSync(join(folder, file), text.replace(/from "(\.\.\/.+)\.js"/g, outside));
    }
    for (const { file } of edits) assert.ok(readdirSync(SOURCE).includes(file), `no file ${file}`);
    return (await import(pathToFileURL(join(folder, "index.ts")).href)) as Additive;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
