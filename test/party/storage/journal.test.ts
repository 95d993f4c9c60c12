/** Journals: acknowledged records survive, torn ones vanish, changed ones are noticed. */
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import * as v from "valibot";
import { InputError, StorageError } from "../../../src/errors.js";
import { Journal } from "../../../src/party/storage/index.js";
import { flip, openVault } from "./fixtures.js";

const schema = v.strictObject({ kind: v.string(), n: v.number() });
type Record = v.InferOutput<typeof schema>;
const record = (n: number): Record => ({ kind: "spent", n });
const numbers = (journal: Journal<Record>): number[] => journal.records().map((each) => each.n);

test("records come back in order, also after another opening", (t) => {
  const vault = openVault(t);
  const journal = new Journal(vault, "grants", schema);
  assert.equal(journal.length, 0);
  for (let n = 0; n < 20; n++) journal.append(record(n));
  assert.deepEqual(numbers(journal), [...Array(20).keys()]);
  journal.close();
  assert.throws(() => journal.append(record(0)), StorageError);
  const again = new Journal(vault, "grants", schema);
  assert.equal(again.droppedTorn, false);
  assert.equal(again.length, 20);
  again.append(record(20));
  assert.deepEqual(numbers(again), [...Array(21).keys()]);
  const other = new Journal(vault, "runs", schema);
  assert.equal(other.length, 0);
});

test("a record is validated before it is written, and its text is not readable on the disk", (t) => {
  const vault = openVault(t);
  const journal = new Journal(vault, "grants", schema);
  assert.throws(() => journal.append({ kind: "x", n: 1, more: 2 } as Record), InputError);
  assert.throws(() => journal.append({ kind: "y".repeat(2 << 20), n: 1 }), InputError);
  journal.append({ kind: "visible?", n: 1 });
  assert.equal(journal.length, 1);
  assert.equal(readFileSync(vault.path("journal", "grants", "journal")).indexOf("visible"), -1);
  // Same number of fields, other schema: a file of another version.
  assert.throws(() => new Journal(vault, "grants", v.strictObject({ other: v.string() })), /another version/);
});

test("a record torn at any byte is dropped, and the journal goes on", (t) => {
  const vault = openVault(t);
  const path = vault.path("journal", "j", "journal");
  const journal = new Journal(vault, "j", schema);
  journal.append(record(0));
  journal.append(record(1));
  const before = readFileSync(path).length;
  journal.append(record(2));
  journal.close();
  const whole = readFileSync(path);
  for (let length = before; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const reopened = new Journal(vault, "j", schema);
    assert.equal(reopened.droppedTorn, length > before);
    assert.deepEqual(numbers(reopened), [0, 1]);
    reopened.append(record(3));
    reopened.close();
    const last = new Journal(vault, "j", schema);
    assert.deepEqual(numbers(last), [0, 1, 3]);
    last.close();
    // The number is that of the torn record, the nonce must not be.
    assert.notDeepEqual(readFileSync(path).subarray(before + 4, before + 16), whole.subarray(before + 4, before + 16));
  }
  // Some file systems keep the length of the file, but zeros in place of the last blocks.
  for (const zeros of [1, 20, 31, 32, 40, 500]) {
    writeFileSync(path, whole.subarray(0, before));
    appendFileSync(path, new Uint8Array(zeros));
    const reopened = new Journal(vault, "j", schema);
    assert.deepEqual([numbers(reopened), reopened.droppedTorn], [[0, 1], true]);
    reopened.close();
  }
  writeFileSync(path, Buffer.concat([whole.subarray(0, -20), new Uint8Array(20)]));
  const reopened = new Journal(vault, "j", schema);
  assert.deepEqual(numbers(reopened), [0, 1]);
});

test("every flipped bit is noticed, also in lengths and in the last record", (t) => {
  const vault = openVault(t);
  const path = vault.path("journal", "j", "journal");
  const journal = new Journal(vault, "j", schema);
  for (let n = 0; n < 3; n++) journal.append(record(n));
  journal.close();
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    writeFileSync(path, whole);
    flip(path, at);
    assert.throws(() => new Journal(vault, "j", schema), StorageError, `byte ${at}`);
  }
});

test("records that were exchanged, repeated or moved, and journals that were renamed", (t) => {
  const vault = openVault(t);
  const path = vault.path("journal", "j", "journal");
  const journal = new Journal(vault, "j", schema);
  const ends = [readFileSync(path).length];
  for (let n = 0; n < 3; n++) {
    journal.append(record(n));
    ends.push(readFileSync(path).length);
  }
  journal.close();
  const whole = readFileSync(path);
  const [head, a, b, c] = [0, ...ends].map((from, i) => whole.subarray(from, ends[i]));
  for (const parts of [
    [head, b, a, c],
    [head, a, a, b, c],
    [head, b, c],
    [head, a, c],
  ]) {
    writeFileSync(path, Buffer.concat(parts as Buffer[]));
    assert.throws(() => new Journal(vault, "j", schema), /tampered/);
  }
  writeFileSync(path, whole);
  copyFileSync(path, vault.path("journal", "k", "journal"));
  assert.throws(() => new Journal(vault, "k", schema), /renamed or swapped/);
  truncateSync(path, 20);
  assert.throws(() => new Journal(vault, "j", schema), /truncated/);
});

test("rewriting replaces everything under a new key", (t) => {
  const vault = openVault(t);
  const path = vault.path("journal", "j", "journal");
  const journal = new Journal(vault, "j", schema);
  for (let n = 0; n < 50; n++) journal.append(record(n));
  const before = readFileSync(path);
  journal.rewrite([record(49)]);
  journal.append(record(50));
  assert.deepEqual(numbers(journal), [49, 50]);
  assert.notDeepEqual(readFileSync(path).subarray(8, 24), before.subarray(8, 24));
  journal.close();
  assert.deepEqual(numbers(new Journal(vault, "j", schema)), [49, 50]);
});

test("acknowledged records that disappear while the journal is open are noticed", (t) => {
  const vault = openVault(t);
  const path = vault.path("journal", "j", "journal");
  const journal = new Journal(vault, "j", schema);
  journal.append(record(0));
  truncateSync(path, readFileSync(path).length - 1);
  assert.throws(() => journal.records(), StorageError);
});
