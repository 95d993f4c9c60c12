/** Sealing: who can open what, and that everything a message is bound to is checked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameError, HandshakeError } from "../../src/errors.js";
import { createIdentity, fingerprint } from "../../src/net/index.js";
import { secureRandom } from "../../src/random/index.js";
import { groupId } from "../../src/scale/invitation.js";
import { contextOf, decodeAnswer, decodeJob, decodeQuestion, encodeJob } from "../../src/scale/messages.js";
import { seal, sealingPair, unseal } from "../../src/scale/seal.js";
import { checkSealingKey, SealingKeys } from "../../src/scale/sealing-key.js";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const place = { group: groupId(["a", "b", "c"]), party: 1 };
const job = { id: secureRandom(16), model: "digits", expires: 1_800_000_000_000 };

test("the party opens the job, its sender the answer, nobody else either", () => {
  const party = sealingPair();
  const context = contextOf(job, place);
  const sent = seal(party.publicKey, context, Buffer.from("part"));
  const opened = unseal(party, context, sent.message);
  assert.equal(text(opened.plaintext), "part");
  const answer = opened.seal(Buffer.from("answer"));
  assert.equal(text(sent.open(answer)), "answer");
  assert.notDeepEqual(opened.seal(Buffer.from("answer")), answer);
  assert.throws(() => unseal(sealingPair(), context, sent.message), FrameError);
  assert.throws(() => seal(party.publicKey, context, Buffer.from("part")).open(answer), FrameError);
});

test("a job is bound to its id, model, expiry, group and party, and to every byte", () => {
  const party = sealingPair();
  const { message } = seal(party.publicKey, contextOf(job, place), Buffer.from("part"));
  const others = [
    contextOf({ ...job, id: secureRandom(16) }, place),
    contextOf({ ...job, model: "digitt" }, place),
    contextOf({ ...job, expires: job.expires + 1 }, place),
    contextOf(job, { ...place, party: 2 }),
    contextOf(job, { ...place, group: groupId(["a", "c", "b"]) }),
  ];
  for (const other of others) assert.throws(() => unseal(party, other, message), FrameError);
  for (let i = 0; i < message.length; i++) {
    const changed = Buffer.from(message);
    changed[i]! ^= 1;
    assert.throws(() => unseal(party, contextOf(job, place), changed), FrameError, `byte ${i}`);
  }
  for (let length = 0; length < message.length; length++)
    assert.throws(() => unseal(party, contextOf(job, place), message.subarray(0, length)), FrameError);
});

test("a key with which everybody knows the secret is refused", () => {
  assert.throws(() => seal(new Uint8Array(32), new Uint8Array(), new Uint8Array(1)), FrameError);
});

test("a sealing key counts only if the pinned identity signed it, for this place, for now", async () => {
  const identity = await createIdentity("p1");
  const pin = fingerprint(identity.certPem);
  const now = Date.now();
  const keys = new SealingKeys(identity, place, () => now);
  const { certificate, publicKey } = keys.current;
  const checked = checkSealingKey(certificate, pin, place, now);
  assert.deepEqual(Buffer.from(checked.publicKey), Buffer.from(publicKey));
  const refused = (bytes: Uint8Array, to = place, at = now, by = pin) =>
    assert.throws(() => checkSealingKey(bytes, by, to, at), HandshakeError);
  refused(certificate, { ...place, party: 0 });
  refused(certificate, { ...place, group: groupId(["a", "b", "d"]) });
  refused(certificate, place, now + 25 * 3_600_000);
  refused(certificate, place, now - 3_600_000);
  refused(new SealingKeys(await createIdentity("p1"), place).current.certificate);
  const json = JSON.parse(text(certificate)) as Record<string, unknown>;
  const own = Buffer.from(sealingPair().publicKey).toString("base64");
  for (const change of [{ key: own }, { until: now + 1e12 }, { signature: "AAAA" }, { cert: "x" }, { more: 1 }])
    refused(Buffer.from(JSON.stringify({ ...json, ...change })));
  for (const bytes of [Buffer.alloc(0), Buffer.from("{"), Buffer.alloc(9000, 32)]) refused(bytes);
});

test("keys are renewed; the one before still opens, the one before that does not", async () => {
  let now = 0;
  const keys = new SealingKeys(await createIdentity("p1"), place, () => now);
  const first = keys.current;
  assert.equal(keys.find(first.publicKey.subarray(0, 8)), first);
  now += 9 * 3_600_000;
  assert.notEqual(keys.current, first);
  assert.equal(keys.find(first.publicKey.subarray(0, 8)), first);
  now += 9 * 3_600_000;
  assert.notEqual(keys.current, first);
  assert.equal(keys.find(first.publicKey.subarray(0, 8)), undefined);
});

test("many queries renew a key, but not at once; then the one before still opens", async () => {
  let now = 0;
  const keys = new SealingKeys(await createIdentity("p1"), place, () => now);
  const first = keys.current;
  for (let i = 0; i < 60_000; i++) first.opened.add(String(i));
  now += 30_000;
  assert.equal(keys.current, first, "in flight for one of two keys, whatever clients do");
  now += 31_000;
  const second = keys.current;
  assert.notEqual(second, first);
  assert.equal(keys.find(first.publicKey.subarray(0, 8)), first);
});

test("what is not sealed is read strictly, however short", () => {
  const bytes = encodeJob({ ...job, keyStart: new Uint8Array(8).fill(3), sealed: Buffer.from("sealed") });
  const read = decodeJob(bytes);
  assert.deepEqual([read.model, read.expires, text(read.sealed)], [job.model, job.expires, "sealed"]);
  assert.deepEqual(Buffer.from(read.id), Buffer.from(job.id));
  const shortest = bytes.length - "sealed".length;
  for (let length = 0; length < shortest; length++)
    assert.throws(() => decodeJob(bytes.subarray(0, length)), FrameError);
  for (const bad of [[], [1], [2, 0], [1, 9], [0, 0, 0]])
    assert.throws(() => decodeAnswer(Uint8Array.from(bad)), FrameError);
  assert.equal(decodeAnswer(Uint8Array.of(1, 3)), "repeated");
  for (const bad of [[], [1], [0, 0, 1], [5, 0, 1]])
    assert.throws(() => decodeQuestion(Uint8Array.from(bad)), FrameError);
});
