// The mask streams: equal to AES-128-CTR as node computes it, never the same twice, uniform.
import assert from "node:assert/strict";
import { createCipheriv, hkdfSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { BoundError, SecretgradError } from "../../src/errors.js";
import { deriveKey, LARGEST_CHUNK, LARGEST_NODE, LARGEST_RUN, Prg, secureRandom } from "../../src/random/index.js";
import { wasm } from "../../src/ring/kernels/platform.js";

/** The keystream by node's cipher in one shot. */
function oracle(key: Uint8Array, run: number, node: number, chunk: number, bytes: number): Uint8Array {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const iv = Buffer.from(`${hex(run, 12)}${hex(node, 6)}${hex(chunk, 6)}00000000`, "hex");
  return createCipheriv("aes-128-ctr", key, iv).update(new Uint8Array(bytes));
}

const id = fc.record({
  run: fc.integer({ min: 0, max: LARGEST_RUN }),
  node: fc.integer({ min: 0, max: LARGEST_NODE }),
  chunk: fc.integer({ min: 0, max: LARGEST_CHUNK }),
});

test("a stream is the AES-CTR keystream, however it is drawn", () => {
  const key = secureRandom(16);
  const prg = new Prg(key);
  const draw = fc.oneof(
    fc.integer({ min: 0, max: 70 }),
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 3000, max: 9000 }),
    fc.integer({ min: 60000, max: 200000 }),
  );
  fc.assert(
    fc.property(id, fc.array(draw, { maxLength: 12 }), (name, draws) => {
      const stream = prg.stream(name);
      const total = draws.reduce((sum, bytes) => sum + bytes, 0);
      const got = new Uint8Array(total);
      let at = 0;
      for (const bytes of draws) {
        stream.fill(got.subarray(at, at + bytes));
        at += bytes;
      }
      assert.equal(Buffer.compare(got, oracle(key, name.run, name.node, name.chunk, total)), 0);
    }),
    { numRuns: 60 },
  );
});

test("streams work on WebAssembly memory and survive a change of the key buffer", () => {
  const key = secureRandom(16);
  const kept = Uint8Array.from(key);
  const prg = new Prg(Buffer.from(key.buffer));
  key.fill(0);
  const memory = new wasm.Memory({ initial: 4 });
  const target = new Uint8Array(memory.buffer, 24, 100_000);
  prg.stream({ run: 1, node: 2, chunk: 3 }).fill(target);
  assert.equal(Buffer.compare(target, oracle(kept, 1, 2, 3, target.length)), 0);
});

test("two streams of one key have no bytes in common", () => {
  const prg = new Prg(secureRandom(16));
  const seen = new Set<string>();
  for (const run of [0, 1, 256, 2 ** 32, LARGEST_RUN])
    for (const node of [0, 1, 255, 256, LARGEST_NODE])
      for (const chunk of [0, 1, 255, 256, LARGEST_CHUNK]) {
        const bytes = Buffer.alloc(64);
        prg.stream({ run, node, chunk }).fill(bytes);
        for (let at = 0; at < 64; at += 16) seen.add(bytes.toString("hex", at, at + 16));
      }
  assert.equal(seen.size, 5 ** 3 * 4);
});

test("names out of range throw instead of wrapping around", () => {
  const prg = new Prg(secureRandom(16));
  const good = { run: 0, node: 0, chunk: 0 };
  for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => prg.stream({ ...good, run: bad }), BoundError);
    assert.throws(() => prg.stream({ ...good, node: bad }), BoundError);
    assert.throws(() => prg.stream({ ...good, chunk: bad }), BoundError);
  }
  assert.throws(() => prg.stream({ ...good, run: LARGEST_RUN + 1 }), BoundError);
  assert.throws(() => prg.stream({ ...good, node: LARGEST_NODE + 1 }), BoundError);
  assert.throws(() => prg.stream({ ...good, chunk: LARGEST_CHUNK + 1 }), BoundError);
  assert.throws(() => new Prg(new Uint8Array(32)), BoundError);
});

test("a stream cannot be read into the next one", () => {
  const stream = new Prg(secureRandom(16)).stream({ run: 0, node: 0, chunk: 0 });
  // A target whose claimed length is beyond the end, without the memory for it.
  const huge = Object.defineProperty(new Uint8Array(0), "length", { value: 2 ** 36 + 1 });
  assert.throws(() => stream.fill(huge), /another chunk/);
});

test("audit mode refuses a stream that was opened before", () => {
  const prg = new Prg(secureRandom(16), { audit: true });
  prg.stream({ run: 1, node: 1, chunk: 1 });
  prg.stream({ run: 1, node: 1, chunk: 2 });
  assert.throws(() => prg.stream({ run: 1, node: 1, chunk: 1 }), SecretgradError);
  const relaxed = new Prg(secureRandom(16));
  relaxed.stream({ run: 1, node: 1, chunk: 1 });
  relaxed.stream({ run: 1, node: 1, chunk: 1 });
});

test("bytes are uniform (chi-squared, each position in a word)", () => {
  const bytes = new Uint8Array(8 * 65536);
  new Prg(secureRandom(16)).stream({ run: 7, node: 7, chunk: 7 }).fill(bytes);
  for (let position = 0; position < 8; position++) {
    const counts = new Float64Array(256);
    for (let at = position; at < bytes.length; at += 8) counts[bytes[at]!]!++;
    const expected = 65536 / 256;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, deviation 22.6; outside of 8 deviations never happens.
    assert.ok(chi > 80 && chi < 440, `position ${position}: ${chi}`);
  }
});

test("deriveKey is HKDF-SHA256 as node computes it, for every length", () => {
  for (const bytes of [16, 31, 32, 33, 64, 1000, 255 * 32]) {
    const secret = secureRandom(20);
    const material = Uint8Array.of(0, 0, 0, 20, ...secret, 0, 0, 0, 0);
    const wanted = new Uint8Array(hkdfSync("sha256", material, "secretgrad/random/v1", "context", bytes));
    assert.deepEqual(deriveKey([secret, new Uint8Array(0)], "context", bytes), wanted);
  }
});

test("deriveKey separates contexts, lengths and the borders between parts", () => {
  const a = Uint8Array.of(1, 2, 3);
  const keys = [
    deriveKey([a], "x"),
    deriveKey([a], "y"),
    deriveKey([a, new Uint8Array(0)], "x"),
    deriveKey([a.subarray(0, 1), a.subarray(1)], "x"),
    deriveKey([a.subarray(0, 2), a.subarray(2)], "x"),
  ].map((key) => Buffer.from(key).toString("hex"));
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(deriveKey([a], "x"), deriveKey([Uint8Array.of(1, 2, 3)], "x"));
  assert.equal(deriveKey([a], "x", 64).length, 64);
  for (const bytes of [0, 8, 15, 1.5, 255 * 32 + 1]) assert.throws(() => deriveKey([a], "x", bytes), BoundError);
  assert.throws(() => secureRandom(-1), BoundError);
  assert.throws(() => secureRandom(0.5), BoundError);
  assert.equal(secureRandom(5).length, 5);
});
