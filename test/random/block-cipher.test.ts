// The public permutation: AES-128 as published, block by block.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixedKeyAes } from "../../src/random/block-cipher.js";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

test("agrees with the example of FIPS 197, appendix C.1, for every block and call", () => {
  const aes = fixedKeyAes(hex("000102030405060708090a0b0c0d0e0f"));
  const plain = "00112233445566778899aabbccddeeff";
  const expected = "69c4e0d86a7b0430d8cdb78070b4c55a";
  for (const blocks of [1, 2, 9, 5000])
    assert.equal(Buffer.from(aes.encrypt(hex(plain.repeat(blocks)))).toString("hex"), expected.repeat(blocks));
  assert.equal(aes.encrypt(new Uint8Array(0)).length, 0);
});

test("without a key, uses one that never changes", () => {
  const block = fixedKeyAes().encrypt(new Uint8Array(16));
  assert.equal(
    Buffer.from(block).toString("hex"),
    Buffer.from(fixedKeyAes().encrypt(new Uint8Array(16))).toString("hex"),
  );
  assert.notDeepEqual(block, fixedKeyAes(new Uint8Array(16)).encrypt(new Uint8Array(16)));
});
