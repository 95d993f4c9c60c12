/** Parties that train step after step: after hundreds of steps they hold what they held after 50, in the ring and in the heap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { training } from "../../bench/cases.js";
import { memoryCluster } from "../../bench/cluster.js";
import { memoryAfter } from "../../bench/measure.js";

for (const [protocol, many] of [
  ["rep3", 500],
  ["additive-2", 500],
  ["additive-2-fss", 200],
] as const)
  test(`${protocol}: memory stays flat over ${many} training steps`, async () => {
    const cluster = await memoryCluster(protocol);
    const found = [];
    for await (const after of memoryAfter(cluster, protocol, training("tiny", [12, 10, 5], 8, "mse", 1), [50, many]))
      found.push(after);
    const [early, late] = found;
    for (const [party, { ringUsed, ring, heap }] of late!.parties.entries()) {
      const before = early!.parties[party]!;
      assert.equal(ringUsed, before.ringUsed, `live blocks of party ${party}`);
      assert.equal(ring, before.ring, `ring of party ${party}`);
      // Code that was compiled meanwhile is in the heap, too. A leak of one small object for each node and step would be 4 MB.
      assert.ok(heap - before.heap < 2 ** 21, `heap: ${before.heap} bytes, then ${heap}`);
    }
  });
