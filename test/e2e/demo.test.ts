/** `npm start`: the JSON that programs read, the figures of the tutorial, and that nothing of it stays behind. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { secretgrad, temporaryDirectory } from "../cli/program.js";

/** S3's accuracies, which the tutorial must reach within two points from the third epoch on. */
const published = [35, 57, 62, 67, 70, 72, 74, 75, 75, 75];
/** Of the last object. */
const lastKeys = ["done", "accuracy", "secondsPerBatch", "roundsPerBatch", "bytesPerPartyPerBatch", "seconds"];

test("npm start -- --tutorial: ten epochs like S3's, and like the same training in the clear", async () => {
  const cwd = temporaryDirectory();
  const { code, stderr, objects } = await secretgrad(["demo", "--tutorial", "--json"], { cwd, timeoutMs: 180_000 });
  assert.equal(code, 0, stderr);
  const epochs = objects.slice(0, -1) as {
    epoch: number;
    accuracy: number;
    clearAccuracy: number;
    secondsPerBatch: number;
  }[];
  assert.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  for (const { epoch, accuracy, clearAccuracy, secondsPerBatch } of epochs) {
    assert.ok(Math.abs(accuracy - clearAccuracy) <= 1, `epoch ${epoch}: ${accuracy} and ${clearAccuracy} in the clear`);
    if (epoch >= 3) assert.ok(accuracy >= published[epoch - 1]! - 2, `epoch ${epoch}: ${accuracy}`);
    assert.ok(secondsPerBatch > 0);
  }
  const last = objects.at(-1)!;
  assert.deepEqual(Object.keys(last), lastKeys);
  assert.equal(last.accuracy, epochs.at(-1)!.accuracy);
});

for (const [protocol, members, more] of [
  ["rep3", ["p0", "p1", "p2"], []],
  ["additive", ["p0", "p1", "james"], ["dealerBytesPerBatch"]],
] as const)
  test(`npm start with fewer images, ${protocol}: loss and hits revealed, data removed, the model kept`, async () => {
    const cwd = temporaryDirectory();
    const { code, stderr, objects } = await secretgrad(["demo", "--protocol", protocol, "--images", "1300", "--json"], {
      cwd,
      timeoutMs: 120_000,
    });
    assert.equal(code, 0, stderr);
    const [epoch, last] = objects;
    assert.deepEqual(Object.keys(epoch!), ["epoch", "accuracy", "clearAccuracy", "secondsPerBatch"]);
    assert.ok(Number(epoch!.accuracy) > 40, String(epoch!.accuracy));
    assert.equal(last!.done, true);
    assert.deepEqual(Object.keys(last!), [...lastKeys.slice(0, -1), ...more, "seconds"]);
    const [demo] = readdirSync(join(cwd, ".secretgrad"));
    const files = readdirSync(join(cwd, ".secretgrad", demo!), { recursive: true, encoding: "utf8" });
    assert.ok(files.includes("cluster.json"));
    for (const member of members) assert.ok(files.some((file) => file.startsWith(join("data", member))));
  });

test("npm start among two parties and a dealer says so", async () => {
  const cwd = temporaryDirectory();
  const { code, stdout, stderr } = await secretgrad(["demo", "--protocol", "additive", "--images", "128"], { cwd });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Two parties and a dealer learn/);
  assert.match(stdout, /p0, p1 and the dealer james run as three processes/);
  assert.match(stdout, /nor does the dealer.* the dealer with any one party learns everything/);
  assert.match(stdout, /rounds and [\d.]+ MB sent per party, [\d.]+ MB by the dealer\.\n/);
  assert.match(stdout, /p0 sent .* p1 sent .* james sent /);
  assert.match(stdout, /two encrypted shares in \S+p0, \S+p1\.\n/);
});
