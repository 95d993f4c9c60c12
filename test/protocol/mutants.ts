/**
 * Tools to spoil a protocol, and the demand that a check of the conformance suite fails on it. Methods and nonces are spoilt
 * from outside; what lies deeper is spoilt in spoilt-source.ts. Not the flaws: common-mutations.ts and the tests.
 */
import assert from "node:assert/strict";
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
