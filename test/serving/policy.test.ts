/** policy.toml: what it says, what is refused, and that no token is kept or quoted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/errors.js";
import { secureRandom } from "../../src/random/index.js";
import { hashOf, isLimited, makePolicy, parsePolicyFile } from "../../src/serving/policy.js";
import { credentialOf } from "../../src/serving/wire.js";

const secret = "a-token-of-enough-characters";
const text = `
reveal = "scores"
queries = 3
[[clients]]
name = "shop"
per-minute = 60
expires = 2127-01-31T00:00:00Z
[[clients]]
name = "lab"
token = "${secret}"
queries = 2
`;

test("a policy as a file becomes hashes for each party, and tokens that nobody keeps", async () => {
  const { policy, tokens } = await makePolicy(parsePolicyFile(text), 3, secureRandom);
  assert.equal(tokens.get("lab"), secret);
  assert.match(tokens.get("shop")!, /^sg_[\w-]{32}$/);
  const [shop, lab] = policy.clients;
  assert.deepEqual(
    { ...shop, hashes: [] },
    { name: "shop", hashes: [], perMinute: 60, expires: "2127-01-31T00:00:00.000Z" },
  );
  assert.equal(policy.reveal, "scores");
  for (const party of [0, 1, 2]) assert.equal(lab!.hashes[party], hashOf(await credentialOf(secret, party)));
  for (const token of tokens.values()) assert.ok(!JSON.stringify(policy).includes(token));
  assert.ok(isLimited(policy));
  assert.ok(!isLimited((await makePolicy({ clients: [{ name: "a", perMinute: 3 }] }, 3, secureRandom)).policy));
});

test("what a policy cannot be is refused, without quoting it", async () => {
  const wrong: Record<string, RegExp> = {
    "reveal = 'all'\n[[clients]]\nname = 'a'": /reveal/,
    "queries = 3": /clients/,
    "clients = []": /clients/,
    "queries = 0\n[[clients]]\nname = 'a'": /queries/,
    "queries = 1.5\n[[clients]]\nname = 'a'": /queries/,
    "[[clients]]\nname = 'a b'": /clients.0.name/,
    "[[clients]]\nname = 'a'\nexpires = 'soon'": /clients.0.expires/,
    "[[clients]]\nname = 'a'\ntoken = 'short-secret'": /clients.0.token/,
    "[[clients]]\nname = 'a'\nquerys = 3":
      /name, token, expires, queries, per-minute at clients.0, got "querys"; try queries$/,
    "[[clients]]\nname = 'a'\nper_minute = 3": /got "per_minute"; try per-minute$/,
    "foo = 1": /expected reveal, queries, clients at the top, got "foo"/,
    "[[client]]\nname = 'a'": /got "client"; try clients$/,
    "[[clients]]\nname = 'a'\nper-minute = 'x'": /number at clients.0.per-minute/,
    "[[clients]]\nname = 'a'\nexpires = '2120-01-01'": /expected a time like 2027-01-31T00:00:00Z at clients.0.expires/,
    "[[clients]]\nname = 'a'\nexpires = 2020-01-01T00:00:00Z":
      /expires of a, got 2020-01-01T00:00:00.000Z, which is past/,
    [`[[clients]]\nname = "a"\ntoken = "${secret}`]: /line 3/,
  };
  for (const [toml, message] of Object.entries(wrong)) {
    const make = async () => makePolicy(parsePolicyFile(toml, "policy.toml"), 3, secureRandom);
    await assert.rejects(make, (error: Error) => {
      assert.ok(error instanceof InputError && message.test(error.message), `${toml}: ${error}`);
      assert.ok(!error.message.includes("secret") && !error.message.includes(secret), error.message);
      return error.message.startsWith("policy");
    });
  }
  const same = { clients: [{ name: "a" }, { name: "a" }] };
  await assert.rejects(makePolicy(same, 3, secureRandom), /each client once/);
  const twice = {
    clients: [
      { name: "a", token: secret },
      { name: "b", token: secret },
    ],
  };
  await assert.rejects(makePolicy(twice, 3, secureRandom), /token of its own/);
});
