/** What stands in for Node in a page gives the same bytes as Node. */
import assert from "node:assert/strict";
import { Buffer as NodeBuffer } from "node:buffer";
import * as node from "node:crypto";
import { test } from "node:test";
import { Buffer } from "../../src/page/node/buffer.js";
import * as page from "../../src/page/node/crypto.js";
import * as globals from "../../src/page/node/globals.js";

const bytes = (length: number) => new Uint8Array(node.randomBytes(length));
const hex = (data: Uint8Array) => NodeBuffer.from(data).toString("hex");

test("AES-128: FIPS 197's example, blocks and streams of any length, counters that turn over", () => {
  const key = NodeBuffer.from("000102030405060708090a0b0c0d0e0f", "hex");
  const plain = NodeBuffer.from("00112233445566778899aabbccddeeff", "hex");
  assert.equal(hex(page.createCipheriv("aes-128-ecb", key, null).update(plain)), "69c4e0d86a7b0430d8cdb78070b4c55a");
  for (let round = 0; round < 50; round++) {
    const [own, data] = [bytes(16), bytes(16 * (1 + (round % 9)))];
    const ecb = node.createCipheriv("aes-128-ecb", own, null).setAutoPadding(false);
    assert.equal(hex(page.createCipheriv("aes-128-ecb", own, null).update(data)), hex(ecb.update(data)));
    const iv = bytes(16);
    if (round % 3 === 0) iv.fill(255, round % 16);
    const there = node.createCipheriv("aes-128-ctr", own, iv);
    const here = page.createCipheriv("aes-128-ctr", own, iv);
    for (const length of [1, 15, 16, 17, 0, 100, 4096 + round]) {
      const piece = bytes(length);
      assert.equal(hex(here.update(piece)), hex(there.update(piece)));
    }
  }
  // What the streams of masks pass: words, at an offset of their buffer, left as they are.
  const words = new Uint32Array(bytes(64).buffer).subarray(4, 12);
  const before = words.slice();
  const ecb = node.createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  assert.equal(hex(page.createCipheriv("aes-128-ecb", key, null).update(words)), hex(ecb.update(words)));
  assert.deepEqual(words, before);
});

test("SHA-256 and HMAC of every length up to three blocks, in one piece and in several", () => {
  for (let length = 0; length < 200; length++) {
    const data = bytes(length);
    const expected = node.createHash("sha256").update(data).digest("hex");
    assert.equal(page.createHash("sha256").update(data).digest("hex"), expected);
    const cut = length >> 1;
    const pieces = page.createHash("sha256").update(data.subarray(0, cut)).update(data.subarray(cut));
    assert.equal(hex(pieces.digest()), expected);
    const key = bytes(length);
    assert.equal(
      hex(page.createHmac("sha256", key).update(data).digest()),
      node.createHmac("sha256", key).update(data).digest("hex"),
    );
  }
  assert.equal(
    page.createHash("sha256").update("Größe").digest("hex"),
    node.createHash("sha256").update("Größe").digest("hex"),
  );
});

test("more random bytes than WebCrypto gives in one call", () => {
  const target = page.randomFillSync(new Uint8Array(200_000));
  for (const from of [0, 65_536, 131_072, 199_000]) assert.notEqual(Math.max(...target.subarray(from, from + 900)), 0);
  assert.notDeepEqual(target.slice(0, 65_536), target.slice(65_536, 131_072));
});

test("bytes become text and text becomes bytes as in Node", () => {
  for (const length of [0, 1, 2, 3, 16, 33]) {
    const data = bytes(length);
    for (const encoding of ["hex", "base64", "base64url", "latin1"] as const) {
      const text = NodeBuffer.from(data).toString(encoding);
      assert.equal(Buffer.from(data).toString(encoding), text);
      assert.equal(hex(Buffer.from(text, encoding)), hex(data));
    }
  }
  assert.equal(Buffer.from("Größe ✓").toString(), "Größe ✓");
  assert.equal(Buffer.byteLength("Größe ✓"), NodeBuffer.byteLength("Größe ✓"));
  const data = bytes(9);
  const copy = Buffer.from(data);
  data[0]! ^= 1;
  assert.notEqual(copy[0], data[0]);
  assert.equal(hex(Buffer.concat([data, copy])), hex(data) + hex(copy));
  for (const [a, b] of [
    ["", "a"],
    ["a", ""],
    ["ab", "ac"],
    ["ab", "a"],
    ["b", "ab"],
    ["same", "same"],
  ] as const)
    assert.equal(
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
      NodeBuffer.compare(NodeBuffer.from(a), NodeBuffer.from(b)),
      `${a} and ${b}`,
    );
});

test("timers can be let go of and stopped; what is put off comes in order", async () => {
  const said: string[] = [];
  const stopped = globals.setTimeout(() => said.push("stopped"), 1).unref();
  globals.clearTimeout(stopped);
  globals.clearTimeout(undefined);
  globals.setImmediate((...args: string[]) => said.push(...args), "a", "b");
  globals.setImmediate(() => said.push("c"));
  await new Promise<void>((resolve) => globals.setTimeout(resolve, 20).ref());
  assert.deepEqual(said, ["a", "b", "c"]);
});
