/** Clusters with a dealer, as processes over TLS: sharing, granting, training; what the dealer's disk holds; its sudden end. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, Session } from "../../src/index.js";
import { openStores } from "../../src/party/index.js";
import { type TestCluster, testCluster } from "../cli/program.js";
import { grantTraining, killInTraining, model, optimizer, rows, shareRows, state, train } from "./training.js";

const sum = rows.flat().reduce((total, value) => total + value, 0);

for (const [protocol, parties] of [
  ["additive-2", ["north", "south", "james"]],
  ["additive-3", ["north", "south", "west", "james"]],
] as const)
  describe(protocol, () => {
    let cluster: TestCluster;
    before(async () => {
      cluster = await testCluster({ timeoutMs: 4000, init: ["--protocol", protocol, "--parties", parties.join()] });
      await shareRows(cluster);
    });
    after(() => cluster.stop());

    test("says who deals, and refuses to start one member as the other", async () => {
      const status = await cluster.run("status", "--json");
      assert.deepEqual(
        status.objects.map(({ party, deals }) => [party, deals]),
        parties.map((name) => [name, name === "james" ? true : undefined]),
      );
      assert.match((await cluster.run("status")).stdout, /james deals: it holds no shares/);
      for (const [as, name, right] of [
        ["party", "james", "dealer"],
        ["dealer", "north", "party"],
      ] as const) {
        const { code, stderr } = await cluster.run(as, name);
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`try secretgrad ${right} ${name}`));
      }
    });

    test("alice grants one reveal of her data by its digest", async () => {
      const session = await connect(cluster.file, { as: "driver" });
      const total = () => session.dataset("alice/x").all().sum().reveal();
      await assert.rejects(total(), { name: "GrantMissingError" });
      const [plan] = (await cluster.run("plan", "--user", "alice", "--json")).objects;
      const digest = String(plan!.digest).slice(0, 12);
      const granted = await cluster.run("grant", digest, "--user", "alice", "--release", "open", "--to", "driver");
      assert.equal(granted.code, 0, granted.stderr);
      assert.ok(Math.abs((await total()).item() - sum) < 1e-3);
      await assert.rejects(total(), { name: "GrantMissingError" });
      await session.close();
    });

    test("the dealer receives nothing, not even what an owner grants to it", async () => {
      const session = await connect(cluster.file, { as: "driver" });
      const toJames = new Session({ ...session.options, name: "james", close: async () => {} });
      await toJames.refresh();
      const reveal = toJames.dataset("alice/x").all().sum().reveal();
      await assert.rejects(reveal, { name: "PolicyError", message: /compute parties .* got james/ });
      await session.close();
    });

    test("training goes on after the dealer was killed in a step, and its disk has no word of anybody's data", async () => {
      await grantTraining(cluster);
      const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
      const net = model("net");
      const sgd = optimizer(net);
      const losses = await train(session, net, 6, sgd);
      assert.ok(losses.at(-1)! < losses[0]! && losses.every(Number.isFinite), losses.join());
      await session.save();
      const saved = await state(net, session);

      await killInTraining(cluster, "james", 5, session, net, sgd);
      const down = await cluster.run("status", "--json");
      assert.equal(down.code, 1);
      for (const { party, missingPeers } of down.objects)
        if (party !== undefined && party !== "james") assert.deepEqual(missingPeers, ["james"]);
      await cluster.party("james").exited;
      inspect(cluster.directory);

      cluster.startParty("james");
      await cluster.inSession();
      assert.deepEqual(await state(net, session), saved);
      assert.ok((await train(session, net, 2, sgd)).every(Number.isFinite));
      await session.close();
    });
  });

/** The dealer's files, encrypted as they are, and what is in them. */
function inspect(directory: string): void {
  const data = join(directory, "data", "james");
  const files = readdirSync(data, { recursive: true, encoding: "utf8" }).filter((file) =>
    statSync(join(data, file)).isFile(),
  );
  const rowBytes = rows.length * 2 * 8;
  for (const file of files.filter((path) => path.startsWith("dataset")))
    assert.ok(statSync(join(data, file)).size < rowBytes, `${file} could hold a share of alice/x`);
  const key = new Uint8Array(readFileSync(join(directory, "storage-keys", "james.key")));
  const stores = openStores(data, key);
  const metas = stores.datasets.list();
  assert.deepEqual(
    metas.map(({ name }) => name),
    ["alice/x", "bob/y"],
  );
  for (const { name } of metas) {
    const { stored } = stores.datasets.get(name);
    assert.deepEqual([stored.seeds, stored.correction], [[], undefined]);
  }
  const [run] = stores.checkpoints.list();
  for (const { meta, bytes } of stores.checkpoints.load(run!)) {
    const size = meta.shape.reduce((product, length) => product * length, 1);
    assert.equal(bytes.length, 8);
    assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true), BigInt(size));
  }
  stores.close();
}
