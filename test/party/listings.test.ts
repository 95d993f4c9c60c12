/** The longest listings that a party's limits allow fit into an answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Json, memoryPair, RpcClient, serve } from "../../src/net/index.js";
import { ANSWER_LIMIT_BYTES } from "../../src/net/rpc.js";
import { standardLimits } from "../../src/party/limits.js";
import { driver, TestCluster } from "./helpers.js";
import { assign, plan, secretOf } from "./plans.js";

const long = (prefix: string, length: number) => prefix + "n".repeat(length - prefix.length);

test("thousands of variables with long names are listed over a connection", async () => {
  const cluster = await new TestCluster().connect();
  const perPlan = 1000;
  for (let first = 0; first < standardLimits.variables; first += perPlan) {
    const many = plan((b) => {
      const value = secretOf(b, [1]);
      for (let i = first; i < first + perPlan; i++) assign(b, long(`model/${i}.`, 200), value);
    });
    await cluster.run(await cluster.put(many));
  }
  const [here, there] = memoryPair("driver", "p0", ["driver", "party"]);
  serve(there, {
    async "variable.list"() {
      return { result: (await cluster.call(0, driver, "variable.list")).result as Json };
    },
  });
  const client = new RpcClient(here);
  const { result } = await client.call("variable.list");
  assert.equal((result as unknown as { variables: unknown[] }).variables.length, standardLimits.variables);
  assert.ok(JSON.stringify(result).length > 2 ** 20);
  client.close();
  await cluster.close();
});

test("names and numbers of the greatest lengths", () => {
  const { variables, sources, datasets, inbox, plan: plans } = standardLimits;
  const identity = long("", 64);
  const number = Number.MAX_SAFE_INTEGER;
  const shape = Array(8).fill(number);
  const name = long("", 200);
  const variable = { name, shape, scale: 61, bound: 64, sources: [], writer: identity, run: number };
  const [owner, dataset] = [identity, `${identity}/${long("", 100)}`];
  const parties = Array(16).fill(identity);
  const meta = {
    ...{ name: dataset, owner, rows: number, rowShape: shape, scale: 61, bound: 62, ring: 64 },
    ...{ protocol: long("", 32), parties, format: "integer", keepsCorrection: false, uploadId: long("", 32) },
  };
  const length = (value: unknown) => JSON.stringify(value).length + 1;
  const lists = {
    variables: variables * length(variable) + sources * length(`dataset:${dataset}`),
    datasets: datasets * length(meta),
    inbox: inbox.entriesPerRecipient * length({ run: number, label: name, bytes: number }),
    run: plans.maxNodes * length({ label: name, bytes: number }),
  };
  for (const [list, bytes] of Object.entries(lists)) assert.ok(bytes < ANSWER_LIMIT_BYTES, `${list}: ${bytes}`);
});
