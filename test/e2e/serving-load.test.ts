/**
 * Many clients of one model, every answer checked against plaintext, while processes die and come back: one is killed, one is
 * stopped in good order. Not a measurement, which is `npm run bench -- serve`.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, connectModel, nn, UnavailableError } from "../../src/index.js";
import type { ServedModel } from "../../src/serving/asking.js";
import { type TestCluster, testCluster } from "../cli/program.js";

const CLIENTS = 24;
const [inputs, outputs] = [12, 5];
const weight = Array.from({ length: outputs }, (_, i) =>
  Array.from({ length: inputs }, (_, j) => Math.sin(i * 31 + j)),
);
/** Another one for each query of each client, so that a mixed-up answer is a wrong one. */
const input = (query: number) => Array.from({ length: inputs }, (_, j) => 3 * Math.sin(query * 7 + j * j));
const scoresOf = (x: readonly number[]) => weight.map((row) => row.reduce((sum, w, i) => sum + w * x[i]!, 0));

let cluster: TestCluster;
const models: ServedModel[] = [];
before(async () => {
  cluster = await testCluster({ timeoutMs: 5000, init: ["--serve", "0"] });
  const session = await connect(cluster.file, { as: "driver", fraction: 16 });
  const model = nn.sequential(nn.linear(inputs, outputs, { bias: false })).loadStateDict({ "0.weight": weight });
  const policy = { reveal: "scores", clients: [{ name: "many" }] } as const;
  const { invitations } = await session.deploy("net", model, { input: [inputs], policy, largestBatch: 16 });
  await session.close();
  const invitation = invitations.get("many")!;
  for (let i = 0; i < CLIENTS; i++) models.push(await connectModel(invitation, { timeoutMs: 60_000 }));
});
after(async () => {
  await Promise.all(models.map((model) => model.close()));
  await cluster.stop();
});

/** All clients ask again and again until `over`. Every answer must be right, every refusal one after which asking again can help. */
class Load {
  readonly answers = models.map(() => 0);
  refusals = 0;
  #over = false;
  readonly #loops = Promise.all(models.map((model, client) => this.#loop(model, client)));

  async #loop(model: ServedModel, client: number): Promise<void> {
    for (let query = client; !this.#over; query += CLIENTS) {
      try {
        const { scores } = await model.predict(input(query));
        scoresOf(input(query)).forEach((score, i) => {
          assert.ok(Math.abs(scores![i]! - score) < 0.01, `client ${client}: ${scores} instead of ${score} at ${i}`);
        });
        this.answers[client]!++;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        assert.ok(error.retryAfterMs > 0);
        this.refusals++;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
      }
    }
  }
  /** Until every client has so many answers more. */
  async answered(more: number): Promise<void> {
    const wanted = this.answers.map((count) => count + more);
    await this.until(() => this.answers.every((count, client) => count >= wanted[client]!));
  }
  async until(holds: () => boolean): Promise<void> {
    const waiting = (async () => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
    })();
    await Promise.race([waiting, this.#loops]);
    assert.ok(holds());
  }
  async end(): Promise<void> {
    this.#over = true;
    await this.#loops;
  }
}

test("a party is killed and restarted under load: retryable errors, then answers again, none wrong or mixed up", async () => {
  const load = new Load();
  await load.answered(3);
  cluster.party("p1").process.kill("SIGKILL");
  await cluster.party("p1").exited;
  const before = load.refusals;
  await load.until(() => load.refusals >= before + CLIENTS);
  cluster.startParty("p1");
  await load.answered(3);
  await load.end();
});

test("a party that is told to stop under load ends without being killed; its clients may ask again", async () => {
  const p2 = cluster.party("p2");
  const asked = models.map((model, i) => model.predict(input(i)));
  await Promise.any(asked);
  const stopped = p2.stop();
  const ended = await Promise.allSettled(asked);
  assert.equal(await stopped, 0);
  ended.forEach((each, client) => {
    if (each.status === "rejected") assert.ok(each.reason instanceof UnavailableError, String(each.reason));
    else assert.ok(Math.abs(each.value.scores![0]! - scoresOf(input(client))[0]!) < 0.01);
  });
  cluster.startParty("p2");
  const load = new Load();
  await load.answered(1);
  await load.end();
});
