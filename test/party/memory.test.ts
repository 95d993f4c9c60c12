/** Memory: what admission estimates is never less than what a run takes, and a run that does not fit ends nothing. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryError } from "../../src/errors.js";
import { Ring } from "../../src/ring/index.js";
import { driver, failure, hex, names, TestCluster } from "./helpers.js";
import { greedy, measure } from "./measured.js";
import { assign, double, input, plan, word } from "./plans.js";

describe("the memory of a run", () => {
  for (const [name, make] of Object.entries(greedy))
    for (const n of [1000, 30_000])
      it(`is at most what is estimated: ${name}, ${n} elements`, async () => {
        const { used, estimate } = await measure(make(n), n);
        for (const bytes of used) assert.ok(bytes > 0 && bytes <= estimate, `${bytes} of ${estimate}`);
      });
});

describe("a run that does not fit into a party's memory", () => {
  const limits = { memoryBytes: 3 << 20 };
  const keep = (name: string, n: number) => plan((b) => void assign(b, name, input(b, "x", n)));
  const ones = (n: number) => ({ inputs: { x: Array.from({ length: n }, () => word(1)) } });

  it("is refused by all before it begins, whichever of them is short of it, and the session goes on", async () => {
    for (const short of names.keys()) {
      const cluster = await new TestCluster((self) =>
        self === short ? { ring: new Ring({ maxBytes: 4 << 20 }), limits } : {},
      ).connect();
      const large = await cluster.put(double(200_000));
      const bodies = cluster.bodies(large, ones(200_000).inputs);
      const params = { request: hex(), digest: large.digest, scalars: {} };
      const calls = names.map((_, i) => cluster.call(i, driver, "run", params, bodies[i]));
      for (const result of await Promise.allSettled(calls)) {
        assert.equal(result.status, "rejected");
        assert.ok(result.reason instanceof MemoryError, `${result.reason}`);
        assert.match(result.reason.message, /expected a plan that fits into 3.0 MiB, got one of about .*; try smaller/);
      }
      const twice = await cluster.put(double(1));
      assert.deepEqual((await cluster.run(twice, ones(1))).words.get("y"), [word(2)]);
      await cluster.close();
    }
  });

  it("counts the variables that are kept", async () => {
    const cluster = await new TestCluster({ limits }).connect();
    const [first, second] = [await cluster.put(keep("v", 40_000)), await cluster.put(keep("w", 40_000))];
    await cluster.run(first, ones(40_000));
    assert.match((await failure(cluster.run(second, ones(40_000)))).message, /beside 1.2 MiB of variables/);
    await cluster.all(driver, "variable.remove", { request: hex(), names: ["v"] });
    await cluster.run(second, ones(40_000));
    await cluster.close();
  });
});
