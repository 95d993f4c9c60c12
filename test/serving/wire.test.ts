/** The format between clients and parties: what is read, what is refused, and that a browser could do what it says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { FrameError, NameError, PolicyError, ShapeError, UnavailableError } from "../../src/errors.js";
import { additive, rep3 } from "../../src/protocol/index.js";
import { expand, secureRandom } from "../../src/random/index.js";
import {
  credentialOf,
  decodeFromClient,
  decodeFromParty,
  encodeAnswer,
  encodeHello,
  encodeQuery,
  encodeRefusal,
  encodeWelcome,
  type ModelFacts,
  type Reason,
  reasons,
  refusalError,
} from "../../src/serving/wire.js";

const facts: ModelFacts = {
  ...{ model: "digits", version: 7, party: 1, parties: ["a", "b", "c"], protocol: "rep3", ring: 64, fraction: 16 },
  ...{ input: [28, 28, 1], output: { kind: "class", shape: [], scale: 0, bits: 64 }, classes: ["zero", "é"] },
  ...{ partBytes: 6288, inFlight: 64 },
};
const id = secureRandom(16);
const part = secureRandom(24);

test("every message comes back as it was written", () => {
  const credential = secureRandom(32);
  assert.deepEqual(decodeFromClient(encodeHello({ model: "é", credential })), {
    type: "hello",
    model: "é",
    credential,
  });
  assert.deepEqual(decodeFromClient(encodeQuery({ id, part })), { type: "query", id, part });
  assert.deepEqual(decodeFromParty(encodeWelcome(facts), "p"), { type: "welcome", facts });
  assert.deepEqual(decodeFromParty(encodeAnswer({ id, part }), "p"), { type: "answer", id, part });
  for (const reason of Object.keys(reasons) as Reason[]) {
    const refusal = { reason, retryAfterMs: 250, text: "no: é" };
    assert.deepEqual(decodeFromParty(encodeRefusal({ ...refusal, id }), "p"), { type: "refusal", id, ...refusal });
    assert.deepEqual(decodeFromParty(encodeRefusal(refusal), "p"), { type: "refusal", ...refusal });
  }
});

test("bytes are read, or refused with a FrameError: nothing else", () => {
  const only = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof FrameError, String(error));
    }
  };
  const messages = [encodeHello({ model: "m", credential: secureRandom(32) }), encodeQuery({ id, part })];
  const answers = [
    encodeWelcome(facts),
    encodeAnswer({ id, part }),
    encodeRefusal({ reason: "busy", retryAfterMs: 1, text: "" }),
  ];
  for (const message of [...messages, ...answers])
    for (let length = 0; length < message.length; length += message.length > 100 ? 7 : 1) {
      only(() => decodeFromClient(message.subarray(0, length)));
      only(() => decodeFromParty(message.subarray(0, length), "p"));
    }
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 129, 130, 131, 77), fc.uint8Array({ maxLength: 80 }), (kind, body) => {
      const bytes = Uint8Array.of(1, kind, ...body);
      only(() => decodeFromClient(bytes));
      only(() => decodeFromParty(bytes, "p"));
    }),
  );
});

test("facts that a client could not work with are refused", () => {
  const wrong: Record<string, unknown>[] = [
    ...[{ model: "" }, { version: -1 }, { version: 1.5 }, { party: 3 }, { parties: [] }, { parties: [1, 2, 3] }],
    ...[{ ring: 32 }, { fraction: 99 }, { input: [0] }, { input: [1e12] }, { input: "28" }, { partBytes: 2 ** 40 }],
    ...[{ output: { ...facts.output, kind: "all" } }, { output: { ...facts.output, bits: 16 } }, { output: null }],
    ...[{ classes: [1] }, { inFlight: 0 }, { protocol: 3 }],
  ];
  for (const change of wrong) {
    const bytes = encodeWelcome({ ...facts, ...change } as never);
    assert.throws(() => decodeFromParty(bytes, "p"), FrameError, JSON.stringify(change));
  }
  for (const json of ["null", "[]", "3", "{", "{}"]) {
    const bytes = Buffer.concat([Uint8Array.of(1, 129), Buffer.from(json)]);
    assert.throws(() => decodeFromParty(bytes, "p"), FrameError, json);
  }
});

test("refusals become errors that say whether asking again can help", () => {
  const kinds = {
    quota: PolicyError,
    unauthorized: PolicyError,
    shape: ShapeError,
    repeated: NameError,
    malformed: FrameError,
  };
  for (const [reason, kind] of Object.entries(kinds))
    assert.ok(refusalError({ reason: reason as Reason, retryAfterMs: 0, text: "" }, "p") instanceof kind);
  for (const reason of ["rate", "busy", "unavailable", "incomplete"] as const) {
    const error = refusalError({ reason, retryAfterMs: 123, text: "later" }, "p");
    assert.ok(error instanceof UnavailableError && error.retryAfterMs === 123 && error.message === "p: later");
  }
});

/** E(s) of wire.ts with nothing but what browsers have. */
async function expandInABrowser(seed: Uint8Array, bytes: number): Promise<Uint8Array> {
  const { subtle } = crypto;
  const text = new TextEncoder();
  const material = Buffer.concat([Uint8Array.of(0, 0, 0, 16), seed]);
  const base = await subtle.importKey("raw", material, "HKDF", false, ["deriveKey"]);
  const derive = {
    name: "HKDF",
    hash: "SHA-256",
    salt: text.encode("secretgrad/random/v1"),
    info: text.encode("dataset expansion"),
  };
  const key = await subtle.deriveKey(derive, base, { name: "AES-CTR", length: 128 }, false, ["encrypt"]);
  const counter = new Uint8Array(16);
  return new Uint8Array(await subtle.encrypt({ name: "AES-CTR", counter, length: 128 }, key, new Uint8Array(bytes)));
}

test("inputs are split as the format says", async () => {
  const seed = secureRandom(16);
  const words = new Uint8Array(800);
  expand(seed, 0, words);
  assert.deepEqual(await expandInABrowser(seed, 800), words);

  const x = BigInt64Array.from([5n, -7n, 2n ** 40n]);
  const input = new Uint8Array(x.buffer);
  const minus = async (from: Uint8Array, seeds: readonly Uint8Array[]) => {
    const sum = new BigInt64Array(from.slice().buffer);
    for (const each of seeds) {
      const parts = new BigInt64Array((await expandInABrowser(each, from.length)).buffer);
      parts.forEach((part, i) => {
        sum[i]! -= part;
      });
    }
    return new Uint8Array(sum.buffer);
  };
  const three = rep3.sharing.freshSeeds();
  const [a, b] = three.byParty[0]! as [Uint8Array, Uint8Array];
  assert.deepEqual(three.byParty, [[a, b], [b], [a]]);
  assert.deepEqual(rep3.sharing.keepsCorrection, [false, true, true]);
  assert.deepEqual(rep3.sharing.correction(three, 0, input), await minus(input, [a, b]));
  const { sharing } = additive(3);
  const some = sharing.freshSeeds();
  assert.deepEqual(
    some.byParty.map((seeds) => seeds.length),
    [1, 1, 0, 0],
  );
  assert.deepEqual(sharing.keepsCorrection.slice(0, 3), [false, false, true]);
  assert.deepEqual(sharing.correction(some, 0, input), await minus(input, some.byParty.flat()));
});

test("a credential differs by party and by token, as the format says", async () => {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  assert.deepEqual(await credentialOf("abc", 2), await digest("secretgrad/serving/1 2\nabc"));
  assert.notDeepEqual(await credentialOf("abc", 1), await credentialOf("abc", 2));
});

test("browsers can load what clients need: no import of Node's, however deep", () => {
  const src = fileURLToPath(new URL("../../src", import.meta.url));
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, type, to] of readFileSync(file, "utf8").matchAll(
      /^(?:import|export)\s(type\s)?[^;]*?from "([^"]+)";/gms,
    )) {
      if (type) continue;
      assert.ok(to!.startsWith("."), `${file} imports ${to}`);
      visit(normalize(join(dirname(file), to!.replace(/\.js$/, ".ts"))));
    }
  };
  visit(join(src, "serving/wire.ts"));
  visit(join(src, "serving/remote-model.ts"));
  assert.ok(seen.size >= 5 && seen.size < 12, [...seen].join());
});
