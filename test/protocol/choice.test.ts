/** What a program may say about the protocol that it wants, and what it is told otherwise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/errors.js";
import { chooseProtocol, type ProtocolChoice, protocolNamed } from "../../src/protocol/index.js";

const chosen = (choice: ProtocolChoice) => {
  const { definition, names } = chooseProtocol(choice);
  assert.equal(names.length, definition.parties);
  assert.equal(protocolNamed(definition.name).name, definition.name);
  return `${definition.name}: ${names}`;
};

test("a protocol is chosen by its name or with the names of its members", () => {
  assert.equal(chosen("plain"), "plain: p0");
  assert.equal(chosen("rep3"), "rep3: p0,p1,p2");
  assert.equal(chosen("additive-2"), "additive-2: p0,p1,p2");
  assert.equal(chosen("additive-2-fss"), "additive-2-fss: p0,p1,p2");
  assert.equal(chosen({ kind: "plain" }), "plain: p0");
  assert.equal(chosen({ kind: "rep3" }), "rep3: p0,p1,p2");
  assert.equal(chosen({ kind: "rep3", parties: ["a", "b", "c"] }), "rep3: a,b,c");
  const two = { kind: "additive", parties: ["alice", "bob"], dealer: "james" } as const;
  assert.equal(chosen(two), "additive-2: alice,bob,james");
  assert.equal(chooseProtocol(two).definition, protocolNamed("additive-2"));
  assert.equal(chosen({ ...two, comparison: "adder" }), "additive-2: alice,bob,james");
  assert.equal(chosen({ ...two, comparison: "fss" }), "additive-2-fss: alice,bob,james");
  const many = Array.from({ length: 15 }, (_, i) => `p${i}`);
  assert.equal(chosen({ ...two, parties: many }), `additive-15: ${many},james`);
});

const additive = (parties: readonly string[], more: object = {}): ProtocolChoice => ({
  ...{ kind: "additive", parties, dealer: "james" },
  ...more,
});
const wrong: readonly (readonly [unknown, RegExp])[] = [
  ["rep5", /expected one of plain, rep3, additive-2.* got "rep5"; try rep3/],
  ["additive-16", /got "additive-16"/],
  [{ kind: "rep5" }, /expected the kind "rep3", "additive" or "plain", got "rep5"; try "rep3"/],
  [{}, /expected the kind .*, got undefined; try "rep3"/],
  [{ parties: ["a", "b"], dealer: "c" }, /expected the kind .*, got undefined; try "additive"/],
  [{ kind: "aditive" }, /expected the kind .*, got "aditive"; try "additive"/],
  ["additve-2", /got "additve-2"; try additive-2$/],
  [undefined, /expected a name or an object with a kind, got undefined/],
  [{ kind: "additive", parties: "ab", dealer: "c" }, /expected the names of 2 to 15 parties.*, got no list/],
  [{ kind: "rep3", parties: ["a", "b"] }, /expected 3 names for rep3, got 2/],
  [{ kind: "rep3", parties: ["a", "b", "a"] }, /expected each name once, got a twice/],
  [{ kind: "additive" }, /expected the names of 2 to 15 parties, beside the dealer, got 0/],
  [{ kind: "additive", party: ["a", "b"], dealer: "j" }, /got "party"; try parties/],
  [{ kind: "additive", parties: ["a", "b"] }, /expected the name of a dealer, got none; try dealer: "dealer"/],
  [additive(["a"]), /expected the names of 2 to 15 parties, beside the dealer, got 1/],
  [additive(Array(16).fill("a")), /expected the names of 2 to 15 parties, beside the dealer, got 16/],
  [additive(["a", "a"]), /expected each name once, got a twice/],
  [additive(["a", ""]), /expected a name for each member, got ""/],
  [additive(["a", "james"]), /expected a dealer that is none of the parties, got james/],
  [
    additive(["a", "b", "c"], { comparison: "fss" }),
    /expected two parties for the comparison "fss", got 3; try "adder"/,
  ],
  [additive(["a", "b"], { comparison: "oracle" }), /expected the comparison "adder" or "fss", got "oracle"/],
];

test("a protocol that cannot be is refused by name", () => {
  for (const [choice, message] of wrong)
    assert.throws(
      () => chooseProtocol(choice as ProtocolChoice),
      (error) => {
        assert.ok(error instanceof InputError);
        assert.match(error.message, message);
        return true;
      },
    );
});

test("the types refuse what can be known to be wrong", () => {
  const wrongTypes: ProtocolChoice[] = [
    // @ts-expect-error an unknown protocol
    "rep5",
    // @ts-expect-error too many parties
    "additive-16",
    // @ts-expect-error two names for three parties
    { kind: "rep3", parties: ["a", "b"] },
    // @ts-expect-error no dealer
    { kind: "additive", parties: ["a", "b"] },
    // @ts-expect-error a dealer where there is none
    { kind: "rep3", dealer: "james" },
  ];
  assert.equal(wrongTypes.length, 5);
});
