/** Whose queries party 0 puts into batches next: no model waits for another's, no client for those of one that takes all the room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Core } from "../../src/party/core.js";
import { standardLimits } from "../../src/party/limits.js";
import type { Runs } from "../../src/party/runs.js";
import { Batches } from "../../src/party/serving/batches.js";
import { type Deployment, factsOf, Usage } from "../../src/party/serving/deployment.js";
import { Metrics } from "../../src/party/serving/metrics.js";
import { Queries, Refused } from "../../src/party/serving/queries.js";
import { Shares } from "../../src/party/serving/shares.js";
import { rep3 } from "../../src/protocol/index.js";
import { split } from "../serving/raw.js";
import { failure } from "./helpers.js";

function served(policy: { queries?: number; clients: readonly { name: string; queries?: number }[] }): Deployment {
  const plans = new Map([1, 2, 4].map((rows) => [rows, {}]));
  return { description: { policy }, plans, used: new Usage() } as unknown as Deployment;
}

test("a model with a limit has its turn while another one's clients ask again as soon as they are answered", async () => {
  const busy = served({ clients: [{ name: "a" }] });
  const limited = served({ clients: [{ name: "b", queries: 10 }] });
  const ran: Deployment[] = [];
  let asked = 0;
  let over = false;
  let ended = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const batches = new Batches({
    clientOf: ([client]) => client,
    deny: () => assert.fail("all are allowed"),
    async start(deployment, queries) {
      ran.push(deployment);
      if (deployment === limited || ran.length > 200) ended();
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (deployment === busy && !over)
        setImmediate(() => {
          for (const _ of queries) batches.add(busy, `a${asked++}`);
        });
    },
  });
  for (let i = 0; i < 16; i++) batches.add(busy, `a${asked++}`);
  batches.add(limited, "b0");
  await end;
  over = true;
  batches.end();
  // Two were under way when it came, one was before it.
  assert.equal(ran.indexOf(limited), 3);
});

test("a model with a limit has one batch at a time, and a query that has ended is in none", async () => {
  const limited = served({ clients: [{ name: "b", queries: 10 }] });
  const ran: string[][] = [];
  const ends: (() => void)[] = [];
  const batches = new Batches({
    clientOf: ([client]) => client,
    deny: () => assert.fail("all are allowed"),
    start: (_, queries) => {
      ran.push([...queries]);
      return new Promise((resolve) => ends.push(resolve));
    },
  });
  for (let i = 0; i < 6; i++) batches.add(limited, `b${i}`);
  batches.remove(limited, "b2");
  assert.deepEqual(ran, [["b0"]]);
  ends[0]!();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ran, [["b0"], ["b1", "b3", "b4", "b5"]]);
  batches.end();
});

test("a client finds room for as many queries as it may ask, and never for more than an eighth of all", () => {
  const shares = new Shares({ waitingQueries: 32, inputBytes: 800 });
  const model = served({ clients: [{ name: "one", queries: 1 }, { name: "any" }, { name: "large" }] });
  const full = (client: string, bytes = 1) => shares.excess(model, client, bytes) !== undefined;
  assert.ok(!full("one"));
  shares.add(model, "one", 1);
  assert.ok(full("one") && !full("any"));
  shares.take(model, "one");
  model.used.set("one", 1);
  assert.ok(full("one"));
  for (let i = 0; i < 4; i++) {
    assert.ok(!full("any"));
    shares.add(model, "any", 1);
  }
  shares.take(model, "any");
  assert.ok(full("any"), "also what is in a batch takes room");
  shares.remove(model, "any", 1, true);
  assert.ok(!full("any"));
  assert.ok(!full("large", 500), "one fits always");
  shares.add(model, "large", 60);
  assert.ok(!full("large", 40) && full("large", 41));
  shares.remove(model, "large", 60, false);
  assert.ok(!full("large", 500));
  const { waitingQueries, inputBytes } = standardLimits;
  assert.ok(new Shares({ waitingQueries, inputBytes }).excess(model, "any", inputBytes) === undefined);
});

test("what a connection may have unanswered finds room, for inputs of any size", () => {
  for (const [length, inFlight] of [
    [10, 64],
    [3 * 224 * 224, 55],
    [2 ** 20, 7],
    [2 ** 21 - 4, 4],
  ] as const) {
    const deployment = served({ clients: [{ name: "a" }] });
    Object.assign(deployment.description, { input: [length], output: {} });
    const facts = factsOf(deployment, rep3, ["p0", "p1", "p2"], 1);
    assert.equal(facts.inFlight, inFlight);
    const shares = new Shares(standardLimits);
    for (let i = 0; i < inFlight; i++) {
      assert.equal(shares.excess(deployment, "a", facts.partBytes), undefined);
      shares.add(deployment, "a", facts.partBytes);
    }
  }
});

test("a query that all parties have is refused when its turn does not come in time", { timeout: 60_000 }, async () => {
  const plans = new Map([[1, { inputs: [{ words: 1 }] }]]);
  const policy = { clients: [{ name: "shop" }] };
  const deployment = { version: 1, plans, description: { name: "net", policy }, used: new Usage() };
  const parties: Queries[] = [0, 1, 2].map((self) => {
    const core = {
      ...{ self, definition: rep3, names: ["p0", "p1", "p2"], usedQueries: new Set(), metrics: new Metrics() },
      ...{ limits: { ...standardLimits, queryMs: 20 }, deployments: { live: () => deployment } },
    };
    return new Queries({
      core: core as unknown as Core,
      // No run ever ends.
      runs: { requests: { submit: () => new Promise(() => {}) } } as unknown as Runs,
      inputKeys: [0, 1, 2].map(() => new Uint8Array(32)),
      send(peer, message) {
        if (message.type === "query") parties[peer]!.onQuery(self, message);
        else if (message.type === "batch") parties[peer]!.onBatch(self, message);
        else if (message.type === "over") parties[peer]!.onOver(self, message);
      },
    });
  });
  const ask = (id: number) => {
    const parts = split([id]);
    const name = id.toString(16).padStart(32, "0");
    return parties.map((party, i) => party.ask(name, deployment as unknown as Deployment, "shop", parts[i]!));
  };
  const stuck = [ask(1), ask(2)].flat().map(failure);
  for (const error of await Promise.all(ask(3).map(failure))) {
    assert.ok(error instanceof Refused && error.reason === "busy" && error.retryAfterMs > 0, String(error));
    assert.match(error.message, /its turn/);
  }
  for (const party of parties) party.end(new Error("over"));
  for (const error of await Promise.all(stuck)) assert.ok(error instanceof Refused && error.reason === "unavailable");
});
