/** The embedded module: its hash, that it needs nothing from outside, and that both twins offer the same kernels. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createJsKernels, createKernels, kernelHash } from "../../src/ring/index.js";
import { wasmBase64 } from "../../src/ring/kernels/wasm-bytes.gen.js";

test("kernelHash is the SHA-256 of the module", () => {
  assert.equal(kernelHash, createHash("sha256").update(Buffer.from(wasmBase64, "base64")).digest("hex"));
});

test("both twins offer every kernel, over memories of their own", () => {
  const [fast, other, slow] = [createKernels(), createKernels(), createJsKernels()];
  for (const [name, value] of Object.entries(slow)) assert.equal(typeof fast[name as keyof typeof fast], typeof value);
  for (const [name, value] of Object.entries(slow.narrow))
    assert.equal(typeof fast.narrow[name as keyof typeof fast.narrow], typeof value, name);
  assert.equal(fast.narrow.memory, fast.memory);
  assert.notEqual(fast.memory, other.memory);
  assert.equal(fast.heapBase % 64, 0);
  assert.ok(fast.heapBase < fast.memory.buffer.byteLength);
});
