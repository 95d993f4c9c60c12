/** `npm start`: the JSON that programs read, the figures of the tutorial, and that nothing of it stays behind. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RunEvent } from "../../cli/demo/run-events.js";
import { connectModel } from "../../src/client/index.js";
import { secretgrad, start, temporaryDirectory } from "../cli/program.js";
import { images, labels } from "../web/reader.js";

/** S3's accuracies, which the tutorial must reach within two points from the third epoch on. */
const published = [35, 57, 62, 67, 70, 72, 74, 75, 75, 75];
/** Of the last object. */
const lastKeys = ["done", "accuracy", "secondsPerBatch", "roundsPerBatch", "bytesPerPartyPerBatch", "seconds"];

/** What the page is told until now. */
async function eventsOf(page: string): Promise<RunEvent[]> {
  const { body } = await fetch(`${page}/events`);
  let text = "";
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('"type":"model"') && text.endsWith("\n\n")) break;
  }
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json!) as RunEvent);
}

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

for (const protocol of ["rep3", "additive"])
  test(`npm start with a page, ${protocol}: the run is told, the trained model answers, Ctrl-C ends it`, {
    timeout: 200_000,
  }, async () => {
    const cwd = temporaryDirectory();
    const demo = start(["demo", "--protocol", protocol, "--images", "1300", "--port", "0", "--json"], { cwd });
    const { page } = JSON.parse(await demo.line(/^\{"page"/)) as { page: string };
    assert.match(await (await fetch(page)).text(), /<div id="app">/);
    assert.deepEqual(JSON.parse(await demo.line(/^\{"serving"/, 120_000)), { serving: page });
    const told = await eventsOf(page);
    const parties = protocol === "rep3" ? ["p0", "p1", "p2"] : ["p0", "p1"];
    const members = protocol === "rep3" ? parties : [...parties, "james"];
    const [first] = told;
    assert.ok(first?.type === "start");
    assert.deepEqual(
      first.members.map(({ name, deals }) => [name, deals]),
      members.map((name) => [name, name === "james"]),
    );
    const batches = told.filter((event) => event.type === "batch");
    assert.equal(batches.length, 10);
    assert.ok(batches.at(-1)!.loss < batches[0]!.loss);
    batches.reduce((before, event) => {
      assert.ok(event.done === before.done + 1 && event.rounds > before.rounds && event.seconds >= before.seconds);
      assert.ok(event.sent.length === members.length && event.sent.every((bytes, i) => bytes >= before.sent[i]!));
      return event;
    });
    const accuracies = told.filter((event) => event.type === "accuracy");
    assert.ok(accuracies.length > 3);
    const measured = told.findLast((event) => event.type === "operators")!;
    assert.ok(measured.runs > 0 && measured.operators.some(({ op, seconds }) => op === "matmul" && seconds > 0));
    assert.ok(measured.operators.some(({ waiting }) => waiting > 0));
    const last = told.at(-1)!;
    assert.ok(last.type === "model" && last.insecure);
    assert.equal(last.invitation.parties.length, parties.length);
    assert.equal(last.cost.bytes.length, members.length);

    const model = await connectModel(last.invitation, { insecure: true });
    const [drawn, truth] = [await images("test images", 100), await labels("test labels", 100)];
    const answers = await model.predictAll(
      Array.from({ length: 100 }, (_, i) => drawn.subarray(784 * i, 784 * (i + 1))),
    );
    const right = answers.filter((answer, i) => answer.class === truth[i] && answer.scores!.length === 10).length;
    // What the parties said of all test images, within what a hundred of them tell.
    assert.ok(Math.abs(right - accuracies.at(-1)!.percent) < 18, `${right} of 100, ${accuracies.at(-1)!.percent} %`);
    await model.close();
    demo.process.kill("SIGINT");
    assert.equal(await demo.exited, 0);
    await assert.rejects(fetch(page));
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
