/** Sealed files: what was written comes back, and whatever was changed is noticed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import * as fc from "fast-check";
import { BoundError, InputError, NameError, StorageError } from "../../../src/errors.js";
import { ChunkCache } from "../../../src/party/storage/cache.js";
import { decodeName, encodeName } from "../../../src/party/storage/names.js";
import { Vault } from "../../../src/party/storage/vault.js";
import { flip, KEY, openVault, pattern, temporary } from "./fixtures.js";

const CHUNK = 4096;

async function write(vault: Vault, name: string, bytes: Uint8Array, version = "1", kind = "blob"): Promise<string> {
  const writer = vault.create(kind, name, version, { chunkBytes: CHUNK, header: { size: bytes.length } });
  // In pieces that do not fit the chunks.
  for (let at = 0; at < bytes.length; at += 3001) writer.write(bytes.subarray(at, at + 3001));
  await writer.commit();
  return vault.path(kind, name, "sealed");
}

function readAll(vault: Vault, name: string, kind = "blob"): Uint8Array {
  const file = vault.open(kind, name);
  try {
    const bytes = new Uint8Array(file.length);
    file.readAt(0, bytes);
    return bytes;
  } finally {
    file.close();
  }
}

test("files of all sizes come back, whole and in pieces", async (t) => {
  const vault = openVault(t);
  for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 77]) {
    const bytes = pattern(size);
    await write(vault, `f${size}`, bytes);
    assert.deepEqual(readAll(vault, `f${size}`), bytes);
    const file = vault.open("blob", `f${size}`);
    assert.deepEqual(file.header, { size });
    void fc.assert(
      fc.property(fc.nat(size), fc.nat(size), (a, b) => {
        const target = new Uint8Array(Math.abs(a - b));
        file.readAt(Math.min(a, b), target);
        assert.deepEqual(target, bytes.subarray(Math.min(a, b), Math.max(a, b)));
      }),
      { numRuns: 30 },
    );
    assert.throws(() => file.readAt(size, new Uint8Array(1)), BoundError);
    assert.throws(() => file.readAt(-1, new Uint8Array(1)), BoundError);
    file.close();
    assert.throws(() => file.readAt(0, new Uint8Array(0)), StorageError);
  }
});

test("nothing readable is on the disk", async (t) => {
  const vault = openVault(t);
  const secret = Buffer.from("the quick brown fox ".repeat(1000));
  const path = await write(vault, "fox", secret);
  const stored = readFileSync(path);
  assert.equal(stored.indexOf("quick brown"), -1);
  assert.equal(stored.indexOf('"size"'), -1);
  // The same contents again look different: another file, another key.
  assert.notDeepEqual(readFileSync(await write(vault, "fox", secret)), stored);
});

test("a file is visible only after its commit; aborts and leftovers vanish", async (t) => {
  const directory = temporary(t);
  const vault = openVault(t, directory);
  const writer = vault.create("blob", "a", "1");
  writer.write(pattern(100000));
  assert.equal(vault.has("blob", "a"), false);
  assert.deepEqual(vault.names("blob"), []);
  assert.throws(() => vault.open("blob", "a"), NameError);
  writer.abort();
  writer.abort();
  assert.throws(() => writer.write(pattern(1)), StorageError);
  assert.deepEqual(readdirSync(join(directory, "blob")), []);

  const staged = vault.create("blob", "b", "1", { staged: true });
  staged.write(pattern(10));
  await staged.commit();
  assert.deepEqual([vault.names("blob"), vault.names("blob", "staged")], [[], ["b"]]);
  vault.publish("blob", "b");
  assert.deepEqual([vault.names("blob"), vault.names("blob", "staged")], [["b"], []]);

  writeFileSync(join(directory, "blob", "c.tmp"), "left by a dead process");
  vault.close();
  const again = openVault(t, directory);
  assert.equal(existsSync(join(directory, "blob", "c.tmp")), false);
  assert.deepEqual(again.names("blob"), ["b"]);
  assert.equal(again.remove("blob", "b"), true);
  assert.equal(again.remove("blob", "b"), false);
  assert.throws(() => vault.names("blob"), StorageError);
});

test("every flipped bit is noticed, by name of the file", async (t) => {
  const vault = openVault(t);
  const path = await write(vault, "a", pattern(3 * CHUNK + 500));
  const good = readFileSync(path);
  const places = new Set([0, 7, 8, 23, 24, 27, 28, good.length - 1, good.length - 16, good.length - 17]);
  for (let at = 3; at < good.length; at += 97) places.add(at);
  for (const at of places) {
    writeFileSync(path, good);
    flip(path, at);
    assert.throws(
      () => readAll(vault, "a"),
      (error: Error) =>
        error instanceof StorageError && error.message.startsWith("blob/a.sealed: ") && error.cause === path,
      `byte ${at}`,
    );
  }
});

test("a tampered chunk is noticed when it is read, and the others still work", async (t) => {
  const vault = openVault(t);
  const bytes = pattern(3 * CHUNK);
  const path = await write(vault, "a", bytes);
  flip(path, readFileSync(path).length - 2 * (CHUNK + 16) - 100);
  const file = vault.open("blob", "a");
  const target = new Uint8Array(CHUNK);
  assert.throws(() => file.readAt(CHUNK / 2, target), /chunk 0 failing authentication/);
  file.readAt(CHUNK, target);
  assert.deepEqual(target, bytes.subarray(CHUNK, 2 * CHUNK));
});

test("truncated at any place, or longer than it was", async (t) => {
  const vault = openVault(t);
  const path = await write(vault, "a", pattern(3 * CHUNK));
  const good = readFileSync(path);
  const stride = CHUNK + 16;
  const places = new Set([0, 10, 28, 50, good.length - 3 * stride, good.length - 2 * stride, good.length - stride]);
  for (let at = 1; at < good.length; at += 499) places.add(at);
  for (const at of places) {
    writeFileSync(path, good);
    truncateSync(path, at);
    assert.throws(() => vault.open("blob", "a"), /truncated/, `${at} bytes`);
  }
  for (const more of [1, 16, stride]) {
    writeFileSync(path, Buffer.concat([good, pattern(more)]));
    assert.throws(() => vault.open("blob", "a"), StorageError);
  }
});

test("chunks exchanged within a file, between files and between versions of a file", async (t) => {
  const vault = openVault(t);
  const a = await write(vault, "a", pattern(3 * CHUNK));
  const b = await write(vault, "b", pattern(3 * CHUNK));
  const [bytesA, bytesB] = [readFileSync(a), readFileSync(b)];
  const stride = CHUNK + 16;
  const start = bytesA.length - 3 * stride;
  const chunk = (bytes: Uint8Array, i: number) => bytes.subarray(start + i * stride, start + (i + 1) * stride);

  writeFileSync(a, Buffer.concat([bytesA.subarray(0, start), chunk(bytesA, 1), chunk(bytesA, 0), chunk(bytesA, 2)]));
  assert.throws(() => readAll(vault, "a"), /chunk 0 failing/);
  writeFileSync(a, Buffer.concat([bytesA.subarray(0, start), chunk(bytesA, 0), chunk(bytesB, 1), chunk(bytesA, 2)]));
  assert.throws(() => readAll(vault, "a"), /chunk 1 failing/);
  // A later version of the same file: same name, size and contents, another key.
  await write(vault, "a", pattern(3 * CHUNK), "2");
  const newer = readFileSync(a);
  writeFileSync(a, Buffer.concat([newer.subarray(0, start + stride), chunk(bytesA, 1), chunk(newer, 2)]));
  assert.throws(() => readAll(vault, "a"), /chunk 1 failing/);
});

test("files that were renamed, swapped or moved to another kind", async (t) => {
  const vault = openVault(t);
  const a = await write(vault, "a", pattern(10));
  const b = await write(vault, "b", pattern(20));
  await write(vault, "a", pattern(30), "1", "other");
  copyFileSync(a, vault.path("blob", "c", "sealed"));
  assert.throws(() => vault.open("blob", "c"), /contents of blob "a" \(renamed or swapped\)/);
  renameSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
  assert.throws(() => vault.open("blob", "a"), /blob "b"/);
  assert.throws(() => vault.open("blob", "b"), /blob "a"/);
  copyFileSync(b, vault.path("other", "a", "sealed"));
  assert.throws(() => vault.open("other", "a"), /contents of blob "a"/);
});

test("files of another format or version", async (t) => {
  const vault = openVault(t);
  const path = await write(vault, "a", pattern(10));
  writeFileSync(path, pattern(1000));
  assert.throws(() => vault.open("blob", "a"), /another format/);
  writeFileSync(path, Buffer.concat([Buffer.from("sgvault9"), pattern(1000)]));
  assert.throws(() => vault.open("blob", "a"), /another version/);
});

test("wrong keys and wrong directories", async (t) => {
  const directory = temporary(t);
  const vault = openVault(t, directory);
  await write(vault, "a", pattern(10));
  vault.close();
  assert.throws(() => new Vault(directory, new Uint8Array(32)), /expected the storage key of this directory/);
  assert.throws(() => new Vault(directory, new Uint8Array(31)), InputError);
  assert.deepEqual(readAll(openVault(t, directory), "a"), pattern(10));

  const foreign = temporary(t);
  writeFileSync(join(foreign, "thesis.tex"), "");
  assert.throws(() => new Vault(foreign, KEY), /empty directory or a vault/);
  assert.deepEqual(readdirSync(foreign), ["thesis.tex"]);
  const blocked = join(temporary(t), "file");
  writeFileSync(blocked, "");
  assert.throws(() => new Vault(join(blocked, "vault"), KEY), StorageError);
});

test("names cannot leave their folder, meet on any file system, or look like something else", (t) => {
  const vault = openVault(t);
  for (const name of ["../../etc/passwd", "a/b", ".", "..", "a.tmp", "A", "a", "ä", "a\0b", "con", "=a", "%41"]) {
    const encoded = encodeName(name);
    assert.match(encoded, /^[a-z0-9._=%-]+$/);
    assert.equal(decodeName(encoded), name);
    assert.equal(join(vault.path("blob", name, "sealed"), ".."), join(vault.directory, "blob"));
  }
  void fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (name) => {
      assert.equal(decodeName(encodeName(name)), name);
    }),
  );
  void fc.assert(
    fc.property(fc.string(), (text) => {
      const name = decodeName(text);
      assert.ok(name === undefined || encodeName(name) === text);
    }),
  );
  assert.throws(() => encodeName(""), InputError);
  assert.throws(() => encodeName("x".repeat(300)), InputError);
});

test("files that are not ours are passed over", async (t) => {
  const vault = openVault(t);
  await write(vault, "b", pattern(1));
  await write(vault, "a/x", pattern(1));
  for (const name of ["README", "X.sealed", "%zz.sealed", ".sealed"])
    writeFileSync(join(vault.directory, "blob", name), "");
  mkdirSync(join(vault.directory, "blob", "folder"));
  assert.deepEqual(vault.names("blob"), ["a/x", "b"]);
});

test("one vault at a time on a directory, in this process and in another", async (t) => {
  const directory = temporary(t);
  const first = openVault(t, directory);
  assert.throws(() => new Vault(directory, KEY), /expected to be the only process/);
  first.close();
  openVault(t, directory).close();

  const child = spawn("node", ["--import", "tsx", join(import.meta.dirname, "crash-child.ts"), "hold", directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  assert.throws(() => new Vault(directory, KEY), new RegExp(`held by process ${child.pid}`));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  // The lock of the dead is taken over.
  openVault(t, directory).close();
  // So is one of a process that had our number, as after the restart of a container, and one that is no lock at all.
  for (const stale of [`${process.pid} 1 00`, "", "garbage"]) {
    writeFileSync(join(directory, "lock"), stale);
    openVault(t, directory).close();
  }
  assert.deepEqual(
    readdirSync(directory).filter((entry) => entry.startsWith("lock")),
    [],
  );
});

test("the cache of decrypted chunks stays within its limit and drops the one used longest ago", async (t) => {
  const cache = new ChunkCache(300);
  for (let key = 0; key < 3; key++) cache.put(key, new Uint8Array(100).fill(key));
  assert.equal(cache.get(0)?.[0], 0);
  cache.put(3, new Uint8Array(100));
  cache.put(4, new Uint8Array(301));
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((key) => cache.get(key) !== undefined),
    [true, false, true, true, false],
  );
  assert.equal(cache.bytes, 300);
  cache.dropRange(2, 4);
  assert.equal(cache.bytes, 100);

  const vault = new Vault(temporary(t), KEY, { cacheBytes: 3 * CHUNK });
  t.after(() => vault.close());
  const bytes = pattern(20 * CHUNK);
  await write(vault, "a", bytes);
  const file = vault.open("blob", "a");
  const target = new Uint8Array(100);
  for (let round = 0; round < 200; round++) {
    const offset = (round * 7919) % (bytes.length - 100);
    file.readAt(offset, target);
    assert.deepEqual(target, bytes.subarray(offset, offset + 100));
  }
});

test("a writer on a full or vanished disk fails by name and leaves nothing", async (t: TestContext) => {
  const vault = openVault(t);
  const writer = vault.create("blob", "a", "1");
  assert.throws(() => vault.create("blob", "a", "1"), StorageError);
  renameSync(join(vault.directory, "blob"), join(vault.directory, "gone"));
  await assert.rejects(writer.commit(), StorageError);
  renameSync(join(vault.directory, "gone"), join(vault.directory, "blob"));
  assert.equal(vault.has("blob", "a"), false);
  assert.throws(() => vault.create("blob", "b", "1", { chunkBytes: 5000 }), InputError);
});
