/** Served models under additive sharing, with data of an owner in them, and with parties that are lost or full. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectOwner } from "../../src/client/index.js";
import { rowsOf } from "../../src/data/index.js";
import {
  connectModel,
  GrantMissingError,
  nn,
  optim,
  PolicyError,
  StorageError,
  UnavailableError,
} from "../../src/index.js";
import { memoryStores, type Stores } from "../../src/party/index.js";
import { MemoryJournal } from "../../src/party/memory-stores.js";
import { failure } from "../party/helpers.js";
import { ServingCluster } from "./cluster.js";

const weight = [
  [1, -2, 0.5],
  [0.25, 1, -1],
];
const network = () => nn.sequential(nn.linear(3, 2, { bias: false }), nn.relu()).loadStateDict({ "0.weight": weight });
const inputs = Array.from({ length: 20 }, (_, i) => [Math.sin(i), Math.cos(i), Math.sin(2 * i)]);
const scoresOf = (x: readonly number[]) =>
  weight.map((row) =>
    Math.max(
      0,
      row.reduce((sum, w, i) => sum + w * x[i]!, 0),
    ),
  );
const policy = { reveal: "scores", clients: [{ name: "a" }] } as const;

for (const protocol of ["additive-2", "additive-3", "additive-2-fss", "plain"])
  test(`${protocol}: answers are the model's, and the dealer is not asked`, async () => {
    const cluster = await ServingCluster.start({ protocol });
    const session = await cluster.connect();
    const { invitations } = await session.deploy("net", network(), { input: [3], policy, largestBatch: 8 });
    const model = await connectModel(invitations.get("a")!);
    assert.equal(model.facts.parties.includes("dealer"), false);
    const answers = await model.predictAll(inputs);
    answers.forEach(({ scores }, i) => {
      scoresOf(inputs[i]!).forEach((score, c) => {
        assert.ok(Math.abs(scores![c]! - score) < 1e-3, `${scores}`);
      });
    });
    await model.close();
    await session.close();
    await cluster.close();
  });

// Three outputs: their 12 bytes are no whole number of 64-bit words.
const wide = [...weight, [-0.5, 0.75, 1]];
const threeOutputs = () => nn.sequential(nn.linear(3, 3, { bias: false }));
const exact = (x: readonly number[]) => wide.map((row) => row.reduce((sum, w, i) => sum + w * x[i]!, 0));

for (const protocol of ["rep3", "additive-2", "additive-2-fss", "plain"])
  test(`${protocol}: a trained model, quantised, is served in words of 32 bits`, async () => {
    const cluster = await ServingCluster.start({ protocol });
    const before = await cluster.connect(20);
    const trained = threeOutputs().loadStateDict({ "0.weight": wide });
    await trained(before.secret(inputs)).sum().reveal();
    await before.save();
    await before.close();

    const session = await cluster.connect(10, 8);
    const model = threeOutputs();
    assert.equal(await session.quantize(model.parameters()), 1);
    for (const reveal of ["scores", "class"] as const) {
      const options = { input: [3], policy: { ...policy, reveal }, largestBatch: 4 };
      const { invitations } = await session.deploy(reveal, model, options);
      const remote = await connectModel(invitations.get("a")!);
      assert.equal(remote.facts.output.bits, 32);
      const answers = await remote.predictAll(inputs);
      answers.forEach((answer, i) => {
        const scores = exact(inputs[i]!);
        const close = (score: number, c: number) => Math.abs(score - scores[c]!) < 0.02;
        if (reveal === "scores") assert.ok(answer.scores!.length === 3 && answer.scores!.every(close), `row ${i}`);
        else assert.ok(close(Math.max(...scores), answer.class), `row ${i}: class ${answer.class}`);
      });
      await remote.close();
    }
    await session.close();
    await cluster.close();
  });

test("a model that data of others trained needs their grants, one for each batch", async () => {
  const cluster = await ServingCluster.start();
  const alice = await connectOwner(cluster.file, { as: "alice" });
  await alice.share("alice/x", rowsOf({ shape: [4, 3], values: Float64Array.from({ length: 12 }, (_, i) => i / 12) }), {
    scale: 16,
  });
  const session = await cluster.connect();
  const model = network();
  const sgd = optim.sgd(model.parameters(), { lr: 0.1 });
  const rows = session.dataset("alice/x").all();
  sgd.minimize(model(rows).square().sum().div(4));
  await session.flush();
  const options = { input: [3], policy, largestBatch: 1 };
  const error = await failure(session.deploy("net", model, options));
  assert.ok(error instanceof GrantMissingError, String(error));
  assert.match(error.message, /expected a grant by alice.*to clients\.net/);
  const [, digest] = /plan ([0-9a-f]{12})/.exec(error.message)!;
  await alice.grant(digest!, { release: ["open"], times: 2, to: ["clients.net"] });
  const { invitations } = await session.deploy("net", model, options);
  const remote = await connectModel(invitations.get("a")!);
  await remote.predict(inputs[0]!);
  await remote.predict(inputs[1]!);
  const refused = await failure(remote.predict(inputs[2]!));
  assert.ok(refused instanceof PolicyError, String(refused));
  // Who owns what is none of the client's business.
  assert.doesNotMatch(refused.message, /alice|grant/);
  await remote.close();
  await Promise.all([session.close(), alice.close()]);
  await cluster.close();
});

test("more waiting queries than there is room for are refused, to be asked again", async () => {
  const cluster = await ServingCluster.start({ limits: { waitingQueries: 10 } });
  const session = await cluster.connect();
  const { invitations } = await session.deploy("net", network(), { input: [3], policy, largestBatch: 2 });
  const model = await connectModel(invitations.get("a")!);
  const results = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => model.predict(inputs[i % 20]!)));
  const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason as Error] : []));
  assert.ok(refused.length > 0 && refused.length < 60, String(refused.length));
  for (const error of refused) assert.ok(error instanceof UnavailableError && error.retryAfterMs > 0, String(error));
  const patient = await connectModel(invitations.get("a")!, { retries: 100 });
  assert.equal((await patient.predictAll([...inputs, ...inputs])).length, 40);
  await Promise.all([model.close(), patient.close()]);
  await session.close();
  await cluster.close();
});

/** A disk that has no room from the n-th record of served models on. */
class FullJournal<T> extends MemoryJournal<T> {
  room = Number.POSITIVE_INFINITY;
  override append(record: T): void {
    if (this.room-- <= 0)
      throw new StorageError("journal/serving: expected to append to it, got ENOSPC; try making room");
    super.append(record);
  }
}

test("a disk that is full at one party: nothing is deployed anywhere, what is served goes on, later there is room", async () => {
  const journal = new FullJournal<never>();
  const stores = (party: number): Stores => ({ ...memoryStores(), ...(party === 1 ? { serving: journal } : {}) });
  const cluster = await ServingCluster.start({ stores });
  const session = await cluster.connect();
  const first = await session.deploy("first", network(), { input: [3], policy, largestBatch: 2 });
  const model = await connectModel(first.invitations.get("a")!);
  for (const room of [0, 1, 2]) {
    journal.room = room;
    const error = await failure(session.deploy("second", network(), { input: [3], policy, largestBatch: 2 }));
    assert.ok(error instanceof StorageError, String(error));
    await model.predict(inputs[0]!);
    assert.deepEqual(
      (await session.deployments()).map(({ name }) => name),
      ["first"],
    );
  }
  journal.room = Number.POSITIVE_INFINITY;
  const second = await session.deploy("second", network(), { input: [3], policy, largestBatch: 2 });
  const other = await connectModel(second.invitations.get("a")!);
  await other.predict(inputs[0]!);
  await Promise.all([model.close(), other.close()]);
  await session.close();
  await cluster.close();
});

test("two deployments under one name at once: one is served, the other is refused", async () => {
  const cluster = await ServingCluster.start();
  const sessions = await Promise.all([cluster.connect(), cluster.connect()]);
  const results = await Promise.allSettled(
    sessions.map((session) => session.deploy("net", network(), { input: [3], policy, largestBatch: 2 })),
  );
  const made = results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  assert.equal(made.length, 1);
  const model = await connectModel(made[0]!.invitations.get("a")!);
  const { scores } = await model.predict(inputs[3]!);
  assert.ok(Math.abs(scores![1]! - scoresOf(inputs[3]!)[1]!) < 1e-3);
  await model.close();
  await Promise.all(sessions.map((session) => session.close()));
  await cluster.close();
});
