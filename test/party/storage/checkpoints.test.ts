/** Checkpoints: all variables of a run or none. */
import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { test } from "node:test";
import * as v from "valibot";
import { InputError, NameError, StorageError } from "../../../src/errors.js";
import { CheckpointStore } from "../../../src/party/storage/index.js";
import { openVault, pattern } from "./fixtures.js";

const meta = v.strictObject({ shape: v.array(v.number()) });
const entries = (seed: number) => [
  { name: "fc1.weight", meta: { shape: [784, 128] }, bytes: pattern(100352 * 8, seed) },
  { name: "fc1.bias", meta: { shape: [128] }, bytes: pattern(128 * 8, seed + 1) },
  { name: "empty", meta: { shape: [0] }, bytes: new Uint8Array(0) },
];

test("saves, lists in order, loads and prunes", async (t) => {
  const vault = openVault(t);
  const store = new CheckpointStore(vault, meta);
  assert.deepEqual(store.list(), []);
  await Promise.all([9, 256, 100, 2 ** 40].map((run) => store.save(run, entries(run % 97))));
  assert.deepEqual(store.list(), [9, 100, 256, 2 ** 40]);
  assert.deepEqual(store.load(256), entries(256 % 97));
  await store.save(256, entries(5));
  assert.deepEqual(store.load(256), entries(5));
  assert.deepEqual(store.prune(2), [9, 100]);
  assert.deepEqual(new CheckpointStore(vault, meta).list(), [256, 2 ** 40]);
  assert.equal(store.remove(256), true);
  assert.equal(store.remove(256), false);
  assert.throws(() => store.load(256), NameError);
});

test("refuses nonsense, and what does not fit together on the disk", async (t) => {
  const vault = openVault(t);
  const store = new CheckpointStore(vault, meta);
  const [first] = entries(1);
  await assert.rejects(store.save(1, [first!, first!]), InputError);
  await assert.rejects(store.save(-1, []), InputError);
  await assert.rejects(store.save(2 ** 48, []), InputError);
  await store.save(1, entries(1));
  assert.throws(() => new CheckpointStore(vault, v.strictObject({ rank: v.number() })).load(1), /another version/);
  truncateSync(vault.path("checkpoint", "1", "sealed"), 70000);
  assert.throws(() => store.load(1), StorageError);
});

test("a failed save leaves the older checkpoint and does not block the next", async (t) => {
  const vault = openVault(t);
  const store = new CheckpointStore(vault, meta);
  await store.save(1, entries(1));
  const blocker = vault.create("checkpoint", "2", "2");
  await assert.rejects(store.save(2, entries(2)), StorageError);
  blocker.abort();
  await store.save(3, entries(3));
  assert.deepEqual(store.list(), [1, 3]);
  assert.deepEqual(store.load(1), entries(1));
});

test("a list of variables that could not be read again is refused before it is written", async (t) => {
  const vault = openVault(t);
  const store = new CheckpointStore(vault, v.string());
  const many = (length: number) => [{ name: "w", meta: "s".repeat(length), bytes: pattern(8, 1) }];
  await store.save(1, many(8_000_000));
  assert.deepEqual(store.load(1), many(8_000_000));
  await assert.rejects(store.save(2, many(9_000_000)), /header of at most/);
  assert.deepEqual(store.list(), [1]);
  await store.save(2, many(1));
});
