/** kill -9 at any moment: what was acknowledged is there, what was not is absent, nothing is half there. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as v from "valibot";
import { CheckpointStore, DatasetStore, Journal } from "../../../src/party/storage/index.js";
import { CORRECTION, fill, metaOf, openVault, pattern, temporary } from "./fixtures.js";

/** Runs a task of crash-child.ts, kills it when it has said enough, and gives its lines. */
async function runAndKill(task: string, directory: string, enough: (lines: string[]) => boolean): Promise<string[]> {
  const child: ChildProcess = spawn(
    "node",
    ["--import", "tsx", join(import.meta.dirname, "crash-child.ts"), task, directory],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let text = "";
  child.stdout!.on("data", (data: Buffer) => {
    text += data.toString("latin1");
    if (enough(text.split("\n").slice(0, -1))) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.once("close", (_, name) => resolve(name)));
  assert.equal(signal, "SIGKILL");
  return text.split("\n").slice(0, -1);
}

test("killed in the middle of an upload and between prepare and publish", async (t) => {
  const directory = temporary(t);
  await runAndKill("datasets", directory, (lines) => lines.includes("ready"));
  assert.ok(readdirSync(join(directory, "dataset")).includes("alice%2fhalf.tmp"));
  const store = new DatasetStore(openVault(t, directory));
  assert.deepEqual(readdirSync(join(directory, "dataset")), ["alice%2fprepared.staged", "alice%2fpublished.sealed"]);
  assert.deepEqual(store.list(), [metaOf("alice/published")]);
  assert.deepEqual(store.prepared(), [metaOf("alice/prepared")]);
  assert.equal(store.state("alice/half"), undefined);
  store.publish("alice/prepared");
  for (const name of ["alice/published", "alice/prepared"]) {
    const words = new Uint8Array(CORRECTION.length);
    store.get(name).stored.correction!(0, words);
    assert.deepEqual(words, CORRECTION);
  }
  // The name is free again.
  fill(store, "alice/half");
});

test("killed while appending to a journal", async (t) => {
  const directory = temporary(t);
  const lines = await runAndKill("journal", directory, (said) => said.length > 100);
  const journal = new Journal(openVault(t, directory), "runs", v.strictObject({ n: v.number() }));
  const found = journal.records().map((record) => record.n);
  assert.deepEqual(found, [...found.keys()]);
  assert.ok(found.length >= lines.length, `${found.length} found, ${lines.length} acknowledged`);
  journal.append({ n: found.length });
});

test("killed while saving checkpoints", async (t) => {
  const directory = temporary(t);
  const lines = await runAndKill("checkpoints", directory, (said) => said.length > 20);
  const store = new CheckpointStore(openVault(t, directory), v.strictObject({ n: v.number() }));
  const runs = store.list();
  assert.ok(runs.includes(Number(lines.at(-1))) || runs.at(-1)! > Number(lines.at(-1)));
  assert.ok(runs.length >= 2 && runs.length <= 4, runs.join());
  for (const run of runs) {
    const [a, b] = store.load(run);
    assert.deepEqual([a!.bytes, b!.bytes], [pattern(300000, run), pattern(1000, run)]);
  }
});
