/** Browsers split inputs as Node does: the same table, the same words of a seed, shares that are noise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type SplitInput, sharingOf } from "../../src/browser/sharing.js";
import { InputError } from "../../src/errors.js";
import { protocolNamed, protocols } from "../../src/protocol/index.js";
import { splitNamed } from "../../src/protocol/split.js";
import { addWords } from "../../src/protocol/words.js";
import { expand, secureRandom } from "../../src/random/index.js";
import { webExpand, webRandom } from "../../src/random/web.js";

const names = [...protocols.map(({ name }) => name).filter((name) => name !== "plain"), "additive-15"];

test("a seed's words are those that parties expand, whatever their number", async () => {
  for (const bytes of [8, 16, 24, 784 * 8, 100_000]) {
    const seed = secureRandom(16);
    const words = new Uint8Array(bytes);
    expand(seed, 0, words);
    assert.deepEqual(await webExpand(seed, bytes), words);
  }
});

test("fresh bytes are fresh", () => {
  assert.equal(webRandom(16).length, 16);
  assert.notDeepEqual(webRandom(16), webRandom(16));
});

for (const name of [...names, "additive-2-dealt"])
  test(`${name}: the seeds and corrections that each party gets are those of Node`, () => {
    const { sharing } = protocolNamed(name);
    const { byParty, keepsCorrection, computing } = splitNamed(name);
    const fresh = sharing.freshSeeds().byParty;
    const members = fresh.length;
    assert.deepEqual(keepsCorrection.slice(0, members), sharing.keepsCorrection);
    assert.ok(computing <= members);
    // The same seed where the table says so, and only there.
    const seedAt = new Map<number, string>();
    fresh.forEach((seeds, party) => {
      assert.equal(seeds.length, byParty[party]!.length);
      seeds.forEach((seed, i) => {
        const number = byParty[party]![i]!;
        const hex = Buffer.from(seed).toString("hex");
        assert.equal(seedAt.get(number) ?? hex, hex);
        seedAt.set(number, hex);
      });
    });
    assert.equal(new Set(seedAt.values()).size, seedAt.size);
  });

for (const name of names)
  test(`${name}: parts are what Node would send, shares add up to the input, and each alone is noise`, async () => {
    const parties = splitNamed(name).computing;
    const words = new Uint8Array(8 * 1000);
    words.fill(7);
    let split: SplitInput | undefined;
    const parts = await sharingOf(name, parties, (made) => {
      split = made;
    }).split(words);
    const { shares, holders } = split!;
    assert.equal(parts.length, parties);
    assert.deepEqual(addWords(shares), words);
    shares.forEach((share, i) => {
      const ones = share.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
      // 32,000 of 64,000 bits, six deviations.
      assert.ok(Math.abs(ones - 32_000) < 760, `share ${i}: ${ones} ones`);
      assert.ok(holders[i]!.length < parties || parties === 1);
    });
    // The words that each part stands for, as the party makes them.
    const { keepsCorrection, byParty } = splitNamed(name);
    parts.forEach((part, party) => {
      const seeds = byParty[party]!.length;
      assert.equal(part.length, 16 * seeds + (keepsCorrection[party] ? words.length : 0));
      byParty[party]!.forEach((number, i) => {
        const expanded = new Uint8Array(words.length);
        expand(part.subarray(16 * i, 16 * i + 16), 0, expanded);
        assert.deepEqual(expanded, shares[number]);
      });
      if (keepsCorrection[party]) assert.deepEqual(part.subarray(16 * seeds), shares.at(-1));
    });
    // Nobody is among the holders of all shares.
    for (let party = 0; party < parties; party++)
      assert.ok(
        holders.some((list) => !list.includes(party)),
        `party ${party} has all`,
      );
    const again = await sharingOf(name, parties).split(words);
    assert.notDeepEqual(again, parts);
  });

test("names that stand for no protocol with secrets are refused", () => {
  for (const name of ["plain", "additive-1", "additive-16", "additive-2-x", "rep4", "", "x".repeat(1000)])
    assert.throws(
      () => splitNamed(name),
      (error) => error instanceof InputError && error.message.length < 200,
    );
  assert.throws(() => sharingOf("rep3", 2), InputError);
});
