/** Datasets at one party: invisible until published, durable once prepared, and equal to what was uploaded. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BoundError, InputError, NameError, PolicyError, StorageError } from "../../../src/errors.js";
import { DatasetStore, resolveUpload, type UploadState } from "../../../src/party/storage/index.js";
import { CORRECTION, digestOf, fill, flip, metaOf, openVault, pattern, SEEDS, temporary } from "./fixtures.js";

test("upload, prepare, publish, read at any position, remove", async (t) => {
  const directory = temporary(t);
  const vault = openVault(t, directory);
  const store = new DatasetStore(vault);
  const meta = metaOf("alice/images");
  fill(store, meta.name);
  assert.equal(store.state(meta.name)?.state, "uploading");
  assert.deepEqual([store.list(), store.prepared()], [[], []]);
  assert.throws(() => store.get(meta.name), NameError);
  await store.commit(meta.name, digestOf(meta));
  assert.equal(store.state(meta.name)?.state, "prepared");
  assert.deepEqual([store.list(), store.prepared()], [[], [meta]]);
  assert.throws(() => store.get(meta.name), NameError);
  store.publish(meta.name);
  store.publish(meta.name);
  assert.equal(store.state(meta.name)?.state, "published");
  assert.deepEqual([store.list(), store.prepared()], [[meta], []]);

  const check = (from: DatasetStore): void => {
    const { meta: stored, stored: share, correctionDigest } = from.get(meta.name);
    assert.deepEqual(stored, meta);
    assert.deepEqual(share.seeds, SEEDS);
    assert.equal(correctionDigest, createHash("sha256").update(CORRECTION).digest("hex"));
    for (const row of [0, 49, 7, 21]) {
      const target = new Uint8Array(800);
      share.correction!(row * 100, target);
      assert.deepEqual(target, CORRECTION.subarray(row * 800, row * 800 + 800));
    }
    assert.throws(() => share.correction!(4999, new Uint8Array(16)), BoundError);
  };
  check(store);
  vault.close();
  const again = new DatasetStore(openVault(t, directory));
  check(again);
  const { correction } = again.get(meta.name).stored;
  again.remove(meta.name);
  assert.throws(() => correction!(0, new Uint8Array(8)), StorageError);
  assert.throws(() => again.remove(meta.name), NameError);
  assert.deepEqual(readdirSync(join(directory, "dataset")), []);
  fill(again, meta.name);
});

test("a party that keeps seeds only", async (t) => {
  const store = new DatasetStore(openVault(t));
  const meta = metaOf("alice/images", { keepsCorrection: false });
  store.begin(meta, "alice", [pattern(16), pattern(16, 2)]);
  assert.throws(() => store.append(meta.name, 0, new Uint8Array(8)), InputError);
  await store.commit(meta.name, digestOf(meta, [pattern(16), pattern(16, 2)], new Uint8Array(0)));
  store.publish(meta.name);
  const { stored, correctionDigest } = store.get(meta.name);
  assert.deepEqual(stored.seeds, [pattern(16), pattern(16, 2)]);
  assert.deepEqual([stored.correction, correctionDigest], [undefined, undefined]);
});

test("refuses others' names, names in use, wrong order, wrong lengths, wrong digests", async (t) => {
  const store = new DatasetStore(openVault(t), { maxUploads: 2, maxBytes: 50000 });
  const meta = metaOf("alice/images");
  assert.throws(() => store.begin(meta, "bob", SEEDS), PolicyError);
  assert.throws(() => store.begin(metaOf("alice/images", { owner: "bob" }), "bob", SEEDS), InputError);
  const many = Array.from({ length: 17 }, () => new Uint8Array(16));
  assert.throws(() => store.begin({ ...meta, keepsCorrection: false }, "alice", many), /at most 16 seeds/);
  assert.throws(() => store.begin(meta, "alice", [new Uint8Array(15)]), InputError);
  assert.throws(() => store.begin({ ...meta, rows: 100 }, "alice", SEEDS), /at most 50000 bytes/);
  assert.throws(() => store.begin({ ...meta, extra: 1 }, "alice", SEEDS), InputError);
  assert.throws(() => store.append("alice/images", 0, new Uint8Array(8)), NameError);
  fill(store, meta.name);
  assert.throws(() => store.begin(meta, "alice", SEEDS), NameError);
  assert.throws(() => store.append(meta.name, 0, new Uint8Array(8)), /expected word 5000/);
  assert.throws(() => store.append(meta.name, 5000, new Uint8Array(8)), /at most 0 bytes/);
  assert.throws(() => store.publish(meta.name), NameError);
  await assert.rejects(store.commit(meta.name, digestOf(meta, [pattern(16, 9)])), /digest/);
  assert.equal(store.state(meta.name), undefined);

  store.begin(meta, "alice", SEEDS);
  assert.throws(() => store.append(meta.name, 0, new Uint8Array(7)), InputError);
  store.append(meta.name, 0, CORRECTION.subarray(0, 80));
  await assert.rejects(store.commit(meta.name, digestOf(meta)), /expected 40000 bytes/);
  fill(store, "bob/labels");
  assert.throws(() => store.begin(metaOf("carol/x"), "carol", SEEDS), PolicyError);
  assert.equal(store.uploads().length, 2);
  assert.equal(store.abort(meta.name), true);
  assert.equal(store.abort(meta.name), false);
  await store.commit("bob/labels", digestOf(metaOf("bob/labels")));
  assert.throws(() => store.begin(metaOf("bob/labels"), "bob", SEEDS), NameError);
  assert.equal(store.abort("bob/labels"), true);
  assert.equal(store.state("bob/labels"), undefined);
  fill(store, "bob/labels");
  const committing = store.commit("bob/labels", digestOf(metaOf("bob/labels")));
  assert.throws(() => store.abort("bob/labels"), NameError);
  assert.throws(() => store.append("bob/labels", 5000, new Uint8Array(0)), NameError);
  await committing;
  store.publish("bob/labels");
  assert.equal(store.abort("bob/labels"), false);
  assert.throws(() => store.begin(metaOf("bob/labels"), "bob", SEEDS), NameError);
});

test("a prepared dataset survives a restart, an unfinished upload does not", async (t) => {
  const directory = temporary(t);
  const vault = openVault(t, directory);
  const store = new DatasetStore(vault);
  fill(store, "alice/ready");
  await store.commit("alice/ready", digestOf(metaOf("alice/ready")));
  fill(store, "alice/unfinished");
  vault.close();
  assert.throws(() => store.append("alice/unfinished", 5000, new Uint8Array(0)), StorageError);
  const again = new DatasetStore(openVault(t, directory));
  assert.deepEqual(again.prepared(), [metaOf("alice/ready")]);
  assert.deepEqual(again.list(), []);
  assert.equal(again.state("alice/unfinished"), undefined);
  again.publish("alice/ready");
  assert.deepEqual(again.list(), [metaOf("alice/ready")]);
});

test("damaged datasets are named with their reason; the others work", async (t) => {
  const directory = temporary(t);
  const vault = openVault(t, directory);
  const store = new DatasetStore(vault);
  for (const name of ["alice/a", "alice/b", "alice/c", "alice/d"]) {
    fill(store, name);
    await store.commit(name, digestOf(metaOf(name)));
    store.publish(name);
  }
  const [a, b, c] = ["a", "b", "c"].map((name) => vault.path("dataset", `alice/${name}`, "sealed")) as [
    string,
    string,
    string,
  ];
  vault.close();
  flip(a, 100);
  rmSync(b);
  renameSync(c, b);
  const again = new DatasetStore(openVault(t, directory));
  assert.deepEqual([...again.damaged.keys()], ["alice/a", "alice/b"]);
  assert.deepEqual(
    again.list().map((meta) => meta.name),
    ["alice/d"],
  );
  assert.throws(() => again.get("alice/a"), StorageError);
  assert.throws(() => again.get("alice/b"), /contents of dataset "alice\/c"/);
  assert.throws(() => again.get("alice/c"), NameError);
  assert.throws(() => again.begin(metaOf("alice/a"), "alice", SEEDS), NameError);
  again.remove("alice/a");
  fill(again, "alice/a");
});

test("a chunk that goes bad later is noticed by the read that needs it", async (t) => {
  const vault = openVault(t);
  const store = new DatasetStore(vault);
  fill(store, "alice/a");
  await store.commit("alice/a", digestOf(metaOf("alice/a")));
  store.publish("alice/a");
  const path = vault.path("dataset", "alice/a", "sealed");
  flip(path, readFileSync(path).length - 30000);
  const { correction } = store.get("alice/a").stored;
  correction!(4900, new Uint8Array(800));
  assert.throws(() => correction!(0, new Uint8Array(40000)), /chunk [01] failing authentication/);
});

test("no plaintext name, seed or word is on the disk", async (t) => {
  const vault = openVault(t);
  const store = new DatasetStore(vault);
  fill(store, "alice/a");
  await store.commit("alice/a", digestOf(metaOf("alice/a")));
  const bytes = readFileSync(vault.path("dataset", "alice/a", "staged"));
  for (const secret of [SEEDS[0]!, CORRECTION.subarray(0, 16), Buffer.from(SEEDS[0]!).toString("base64"), "alice"])
    assert.equal(bytes.indexOf(secret), -1);
});

test("the fate of a prepared upload", () => {
  const state = (text: UploadState["state"], digest = "d"): UploadState => ({ state: text, digest });
  const prepared = state("prepared");
  assert.equal(resolveUpload(prepared, [prepared, prepared]), "publish");
  assert.equal(resolveUpload(prepared, [state("published"), undefined]), "publish");
  assert.equal(resolveUpload(prepared, [prepared, undefined]), "abort");
  assert.equal(resolveUpload(prepared, [prepared, state("prepared", "other")]), "abort");
  assert.equal(resolveUpload(prepared, [prepared, state("published", "other")]), "abort");
  assert.equal(resolveUpload(prepared, [prepared, state("uploading")]), "keep");
  assert.equal(resolveUpload(state("published"), [undefined]), "keep");
  assert.equal(resolveUpload(state("uploading"), [undefined]), "keep");
});
