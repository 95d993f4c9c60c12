/**
 * Does the conformance suite notice a flaw in additive sharing? Each test spoils it in one way, from outside or in a copy of its
 * source, and demands that the named check fails. Its masks are dropped one by one in masks.test.ts.
 */
import { describe, test } from "node:test";
import { additive, type ProtocolDefinition } from "../../src/protocol/index.js";
import { flaws } from "./additive-flaws.js";
import { commonMutations } from "./common-mutations.js";
import { exchanging, type Mutation, mustFail, patched } from "./mutants.js";
import { spoiltAdditive } from "./spoilt-source.js";

/** Flaws that show from outside. */
const outside = (definition: ProtocolDefinition): Mutation[] => {
  const dealer = definition.dealer!;
  return [
    ...commonMutations(definition),
    {
      name: "the dealer is sent a word",
      definition: patched(definition, (original, { self }) => ({
        product(site, x, y, n, map) {
          const transfer = () => ({ peer: self === dealer ? 0 : dealer, block: site.scope.alloc(1), bytes: 8 });
          return exchanging(original.product(site, x, y, n, map), ({ send, receive }) => ({
            send: self === 0 ? [...send, transfer()] : send,
            receive: self === dealer ? [...receive, transfer()] : receive,
          }));
        },
      })),
      fails: "received words are uniform",
    },
    {
      name: "a truncation sends its words twice",
      definition: patched(definition, (original) => ({
        truncate: (site, x, shift) =>
          exchanging(original.truncate(site, x, shift), ({ send, receive }) => ({
            send: [...send, ...send],
            receive: [...receive, ...receive],
          })),
      })),
      fails: "rounds and bytes are as declared",
    },
  ];
};

for (const definition of [additive(2), additive(3), additive(2, "fss")])
  describe(`the conformance suite notices in ${definition.name} when`, () => {
    for (const { name, definition: spoilt, fails } of outside(definition))
      test(`${name} ("${fails}")`, () => mustFail(spoilt, fails, { pivots: [1] }));
  });

describe("the conformance suite notices in the source of additive sharing when", () => {
  for (const { name, edits, fails, among = [2] } of flaws)
    test(`${name} ("${fails}")`, async () => {
      const { additive: spoilt } = await spoiltAdditive(edits);
      for (const variant of among)
        mustFail(variant === "fss" ? spoilt(2, "fss") : spoilt(variant), fails, { pivots: [1] });
    });
});
