/** Runs the conformance suite on additive sharing with a dealer, for two parties and for three, and parts of it for five. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { additive } from "../../src/protocol/index.js";
import { opened } from "./cases.js";
import { checks, conformance } from "./conformance.js";

for (const count of [2, 3]) conformance(additive(count), { pivots: [1] });

describe("five parties and a dealer", () => {
  const selected = [
    "linear maps and public words",
    "products and reshare",
    "truncate is floor or one above",
    "and, xor and not",
    "fromBits and select",
    "a value times its own sign",
    "input and reveal",
    "outgoing parts are re-randomised",
    "outgoing parts tell who colludes their sum only",
    "an outsider's sharing tells nothing to any party",
  ];
  const all = new Map(checks(additive(5)).map(({ name, run }) => [name, run]));
  for (const name of selected) test(name, () => all.get(name)!());
});

test("a ReLU takes the rounds and bits of decision 12, whatever the number of parties", () => {
  const n = 6400;
  for (const count of [2, 3, 5]) {
    const costs = additive(count).costs(8);
    const [sign, select] = [opened(costs, n, costs.msb(n, 32, 0)), costs.select(n, 0)];
    assert.equal(sign.rounds + select.rounds, 5);
    const bits = [sign, select].map(({ bytes }) => bytes.map((each) => (8 * each) / n));
    const [party, dealer] = [0, count].map((member) => bits.map((each) => each[member]!));
    assert.deepEqual(
      party!.map((each) => each / (count - 1)),
      [64 + 18, 1],
    );
    assert.deepEqual(dealer, [113 + 11, 128]);
  }
  // By keys: nothing between the parties, once the value's mask is open or it comes from a truncation.
  const costs = additive(2, "fss").costs(8);
  for (const cost of [costs.msb(n, 32, 0), costs.masks!.msbRounded!(n, 32)!])
    assert.deepEqual(cost.bytes.slice(0, 2), [0, 0]);
  assert.ok(costs.masks!.selectsSigns!(n));
  assert.equal(opened(costs, n, costs.msb(n, 32, 0)).rounds, 1);
});
