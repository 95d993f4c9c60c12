/** A graph whose plan is refused at its end: reveals are rejected, nothing hangs, the next plan starts afresh. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "../../src/data/dataset.js";
import { PolicyError } from "../../src/errors.js";
import { Graph, Variable } from "../../src/tensor/index.js";

const meta = {
  name: "alice/rows",
  owner: "alice",
  rows: 8,
  rowShape: [3],
  scale: 20,
  bound: 30,
  format: "fixed" as const,
};

test("an assignment that is refused when the plan closes rejects the plan's reveals", async () => {
  let submitted = 0;
  const graph = new Graph({
    env: { fraction: 20 },
    recipient: "driver",
    async submit({ reveals }) {
      submitted++;
      for (const reveal of reveals) reveal.resolve(new BigInt64Array(1));
    },
  });
  const rows = new Dataset(graph, meta).all();
  graph.write(new Variable("stolen", [8, 3], () => 0), rows.ref);
  await assert.rejects(rows.sum().reveal(), PolicyError);
  assert.equal(submitted, 0);
  assert.equal((await new Dataset(graph, meta).all().sum().reveal()).item(), 0);
});
