/** Sums of words at outsiders, in both rings, against BigInt; wherever a message has put its words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ShapeError } from "../../src/errors.js";
import { addWords } from "../../src/protocol/words.js";

const number = (bytes: Uint8Array, at: number, wordBytes: number): bigint => {
  let value = 0n;
  for (let i = wordBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
  return value;
};

for (const wordBytes of [8, 4] as const)
  test(`words of ${8 * wordBytes} bits: the sum modulo 2^${8 * wordBytes}, and no part changes`, () => {
    const modulus = 1n << BigInt(8 * wordBytes);
    // Bytes of 0 and 255 make carries likely.
    const byte = fc.oneof(fc.constantFrom(0, 255), fc.integer({ min: 0, max: 255 }));
    const given = fc.integer({ min: 1, max: 5 }).chain((count) => {
      const part = fc.tuple(
        fc.array(byte, { minLength: count * wordBytes, maxLength: count * wordBytes }),
        fc.integer({ min: 0, max: 9 }),
      );
      return fc.tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.array(part, { maxLength: 3 }));
    });
    fc.assert(
      fc.property(given, (parts) => {
        // A Buffer as sockets give them: somewhere in a larger one.
        const [plus, minus] = parts.map((list) =>
          list.map(([bytes, before]) => Buffer.from([...Array(before).fill(1), ...bytes]).subarray(before)),
        ) as [Buffer[], Buffer[]];
        const copies = [...plus, ...minus].map((part) => [...part]);
        const sum = addWords(plus, minus, wordBytes);
        assert.equal(sum.length, plus[0]!.length);
        for (let at = 0; at < sum.length; at += wordBytes) {
          let expected = 0n;
          for (const part of plus) expected += number(part, at, wordBytes);
          for (const part of minus) expected -= number(part, at, wordBytes);
          assert.equal(number(sum, at, wordBytes), ((expected % modulus) + modulus) % modulus);
        }
        assert.deepEqual(
          [...plus, ...minus].map((part) => [...part]),
          copies,
        );
      }),
    );
  });

test("parts that are no whole words, or of several lengths, are refused", () => {
  const zeros = (bytes: number) => new Uint8Array(bytes);
  assert.throws(() => addWords([zeros(12), zeros(12)]), ShapeError);
  assert.throws(() => addWords([zeros(16), zeros(8)]), ShapeError);
  assert.throws(() => addWords([zeros(8)], [zeros(16)]), ShapeError);
  assert.deepEqual(addWords([zeros(12), zeros(12)], [], 4), zeros(12));
});
