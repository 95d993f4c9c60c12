/** The account of what was used, under two processes at once: threads, each with a descriptor of its own, that start together. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { StorageError } from "../../src/errors.js";
import { Account, createAccount } from "../../src/party/dealt/account.js";

const rounds = 200;
const id = "0".repeat(32);

test("of two processes that use a segment at the same moment at most one is told that it may", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-account-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const paths = Array.from({ length: rounds }, (_, i) => join(directory, String(i)));
  for (const path of paths) createAccount(path, id);
  const state = new SharedArrayBuffer(8);
  const told = new SharedArrayBuffer(8 * rounds);
  await Promise.all(
    [0, 1].map(
      (me) =>
        new Promise<void>((resolve, reject) => {
          const workerData = { me, paths, id, state, told };
          const worker = new Worker(new URL("./contender.mjs", import.meta.url), { workerData, execArgv: [] });
          worker.once("error", reject);
          worker.once("exit", () => resolve());
        }),
    ),
  );
  const results = new Int32Array(told);
  for (let round = 0; round < rounds; round++) {
    const both = [results[2 * round]!, results[2 * round + 1]!].sort();
    assert.ok(both[0] !== 0 && both[1] !== 3, `file ${round}: a thread ended otherwise: ${both}`);
    assert.ok(both[1] === 2, `file ${round}: both were told that they may use segment 0`);
  }
});

test("one process after the other: the second is refused, and so is the first from then on", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-account-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "correlations");
  createAccount(path, id);
  const [first, second] = [new Account(path, id), new Account(path, id)];
  first.use(0);
  assert.throws(() => second.use(0), StorageError);
  first.use(1);
  const third = new Account(path, id);
  assert.equal(third.next, 2);
  third.use(2);
  for (const account of [first, second]) assert.throws(() => account.use(3), StorageError);
  for (const account of [first, second, third]) account.close();
});
