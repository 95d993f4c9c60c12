import assert from "node:assert/strict";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { shareDataset, type Uploader } from "../../src/data/index.js";
import { InputError, NameError, PolicyError, SecretgradError, SessionEndedError } from "../../src/errors.js";
import { memoryStores, openStores, silent } from "../../src/party/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { alice, driver, failure, names, TestCluster } from "./helpers.js";
import { total, word } from "./plans.js";
import { KEY, temporary } from "./storage/fixtures.js";

const rows = [
  [1, 2],
  [3, 4],
];
const source = {
  rows: 2,
  rowShape: [2],
  read: (from: number, count: number, target: Float64Array) => target.set(rows.slice(from, from + count).flat()),
};
const options = { name: "alice/rows", definition: rep3, parties: names, scale: 16 };

async function listed(cluster: TestCluster): Promise<string[][]> {
  const lists = await cluster.all(driver, "dataset.list");
  return lists.map(({ result }) => (result as { datasets: { name: string }[] }).datasets.map(({ name }) => name));
}
/** Uploads with some calls changed. */
function changed(cluster: TestCluster, change: Partial<Uploader>): Promise<unknown> {
  return shareDataset(source, options, { ...cluster.uploader(alice), ...change });
}
async function totals(cluster: TestCluster): Promise<bigint[]> {
  const plan = await cluster.put(total("alice/rows", 2, 2));
  await cluster.grant(alice, plan);
  return (await cluster.run(plan, { scalars: { position: 0, epoch: 0 } })).words.get("total")!;
}
const everywhere = [["alice/rows"], ["alice/rows"], ["alice/rows"]];
const nowhere = [[], [], []];

describe("datasets of a cluster", () => {
  it("become visible at all parties at once, and only once", async () => {
    const cluster = await new TestCluster().connect();
    const seen: string[][][] = [];
    await changed(cluster, {
      publish: async (party, name) => {
        seen.push(await listed(cluster));
        await cluster.uploader(alice).publish(party, name);
      },
    });
    assert.deepEqual(seen[0], nowhere);
    assert.deepEqual(await listed(cluster), everywhere);
    assert.deepEqual(await totals(cluster), [word(4), word(6)]);
    assert.ok((await failure(shareDataset(source, options, cluster.uploader(alice)))) instanceof NameError);
    // The failed second upload has left the first as it was.
    assert.deepEqual(await totals(cluster), [word(4), word(6)]);
    await cluster.all(alice, "dataset.remove", { name: "alice/rows" });
    assert.deepEqual(await listed(cluster), nowhere);
    await cluster.share(alice, "alice/rows", rows);
    await cluster.close();
  });

  it("are dropped everywhere when one party fails", async () => {
    const cluster = await new TestCluster().connect();
    const { append, begin } = cluster.uploader(alice);
    const broken = new SecretgradError("broken");
    for (const change of [
      { append: (party, ...rest) => (party === 2 ? Promise.reject(broken) : append(party, ...rest)) },
      { begin: (party, ...rest) => (party === 1 ? Promise.reject(broken) : begin(party, ...rest)) },
    ] satisfies Partial<Uploader>[]) {
      await failure(changed(cluster, change));
      for (const stores of cluster.stores) assert.equal(stores.datasets.state("alice/rows"), undefined);
    }
    await cluster.share(alice, "alice/rows", rows);
    await cluster.close();
  });

  it("can be shared again after the owner's process died in the middle", async () => {
    const cluster = await new TestCluster().connect();
    const { append } = cluster.uploader(alice);
    const dead = new SecretgradError("dead");
    const abort = () => Promise.reject(dead);
    await failure(
      changed(cluster, {
        append: (party, ...rest) => (party === 2 ? Promise.reject(dead) : append(party, ...rest)),
        abort,
      }),
    );
    assert.deepEqual(await listed(cluster), nowhere);
    await cluster.share(alice, "alice/rows", rows);
    assert.deepEqual(await totals(cluster), [word(4), word(6)]);
    await cluster.close();
  });

  it("are settled by the next session when a crash came between commit and publish", async () => {
    const publish = (cluster: TestCluster, some: readonly number[]) => async (party: number, name: string) => {
      if (!some.includes(party)) throw new SecretgradError("dead");
      await cluster.uploader(alice).publish(party, name);
    };
    for (const some of [[], [1], [0, 2]]) {
      const cluster = await new TestCluster().connect();
      await failure(changed(cluster, { publish: publish(cluster, some) }));
      await cluster.kill(0);
      await cluster.connect();
      assert.deepEqual(await listed(cluster), everywhere);
      assert.deepEqual(await totals(cluster), [word(4), word(6)]);
      await cluster.close();
    }
    // Not all have committed: nowhere.
    const cluster = await new TestCluster().connect();
    const { commit } = cluster.uploader(alice);
    const dead = new SecretgradError("dead");
    const abort = () => Promise.reject(dead);
    await failure(
      changed(cluster, {
        commit: (party, ...rest) => (party === 2 ? Promise.reject(dead) : commit(party, ...rest)),
        abort,
      }),
    );
    assert.ok((await failure(cluster.call(0, alice, "dataset.publish", { name: "alice/rows" }))) instanceof InputError);
    cluster.stores[2]!.datasets.abort("alice/rows"); // as after its restart
    await cluster.connect();
    for (const stores of cluster.stores) assert.equal(stores.datasets.state("alice/rows"), undefined);
    await cluster.close();
  });

  it("stay when the uploader gives up after a peer has published", async () => {
    const cluster = await new TestCluster().connect();
    const uploader = cluster.uploader(alice);
    await failure(
      changed(cluster, {
        publish: async (party, name) => {
          if (party > 0) throw new SecretgradError("not reached");
          await uploader.publish(party, name);
        },
      }),
    );
    for (const party of names.keys()) await uploader.abort(party, "alice/rows");
    assert.deepEqual(await listed(cluster), everywhere);
    assert.deepEqual(await totals(cluster), [word(4), word(6)]);
    await cluster.close();
  });

  it("must be for this cluster, and whole", async () => {
    const cluster = await new TestCluster().connect();
    const uploader = cluster.uploader(alice);
    const metas: object[] = [];
    await changed(cluster, {
      begin: async (party, meta, seeds) => {
        metas[party] = meta;
        await uploader.begin(party, meta, seeds);
      },
    });
    const seeds = Buffer.alloc(32);
    const begin = (change: object, body: Uint8Array = seeds) =>
      cluster.call(0, alice, "dataset.begin", { meta: { ...metas[0], name: "alice/other", ...change } }, body);
    for (const change of [
      { protocol: "additive" },
      { parties: ["p1", "p0", "p2"] },
      { keepsCorrection: true },
      { rows: 0 },
      { extra: 1 },
      { ring: 32 },
    ])
      assert.ok((await failure(begin(change))) instanceof InputError);
    assert.ok((await failure(begin({}, new Uint8Array(16)))) instanceof InputError);
    assert.ok((await failure(begin({ name: "bob/other" }))) instanceof InputError);
    assert.ok((await failure(begin({ name: "bob/other", owner: "bob" }))) instanceof PolicyError);
    await cluster.close();
  });

  it("are refused by the parties' comparison if the owner shared them inconsistently", async () => {
    const cluster = await new TestCluster().connect();
    const { begin, commit, append } = cluster.uploader(alice);
    // The owner gives p1 another seed and states the right digest for it, so that each upload is whole in itself.
    const { uploadDigest } = await import("../../src/data/share-meta.js");
    const other = [new Uint8Array(16)];
    let meta: Parameters<Uploader["begin"]>[1] | undefined;
    const chunks: Uint8Array[] = [];
    await changed(cluster, {
      begin: (party, each, seeds) => {
        if (party !== 1) return begin(party, each, seeds);
        meta = each;
        return begin(party, each, other);
      },
      append: (party, name, offset, words) => {
        if (party === 1) chunks.push(words.slice());
        return append(party, name, offset, words);
      },
      commit: async (party, name, digest) => {
        if (party !== 1) return commit(party, name, digest);
        const { createHash } = await import("node:crypto");
        const hash = createHash("sha256").update(Buffer.concat(chunks)).digest();
        return commit(party, name, uploadDigest(meta!, other, hash));
      },
    });
    const error = await failure(totals(cluster));
    assert.match(error.message, /same sharing of inputs and datasets/);
    await cluster.close();
  });

  it("tell callers which file is damaged, and only the party's log where it lies", async (t) => {
    const directory = temporary(t);
    const lines: string[] = [];
    const error = (message: string, facts?: object) => void lines.push(`${message} ${JSON.stringify(facts)}`);
    const stores = names.map((_, i) => (i === 1 ? openStores(directory, KEY) : memoryStores()));
    const cluster = await new TestCluster({ log: { ...silent, error } }, stores).connect();
    const file = join(directory, "dataset");
    writeFileSync(file, "");
    const errors = [await failure(cluster.share(alice, "alice/rows", rows))];
    rmSync(file);
    await cluster.share(alice, "alice/rows", rows);
    await cluster.close();
    stores[1]!.close();
    truncateSync(join(file, "alice%2frows.sealed"), 100);
    stores[1] = openStores(directory, KEY);
    cluster.revive(1);
    await cluster.connect();
    errors.push(await failure(totals(cluster)));
    for (const { name, message } of errors) {
      assert.equal(name, "StorageError");
      assert.match(message, /dataset\/alice%2frows/);
      assert.ok(!message.includes(directory), message);
    }
    assert.equal(lines.filter((line) => line.includes(directory)).length, 2, lines.join("\n"));
    await cluster.close();
    stores[1].close();
  });

  it("are at most so many", async () => {
    const cluster = await new TestCluster({ limits: { datasets: 1 } }).connect();
    await cluster.share(alice, "alice/rows", rows);
    assert.match((await failure(cluster.share(alice, "alice/more", rows))).message, /at most 1 datasets/);
    await cluster.close();
  });

  it("cannot be published while the parties are not in session", async () => {
    const cluster = new TestCluster();
    await failure(cluster.share(alice, "alice/rows", rows));
    assert.ok(
      (await failure(cluster.call(0, alice, "dataset.publish", { name: "alice/rows" }))) instanceof SessionEndedError,
    );
    await cluster.connect();
    // All had committed, so the first session publishes.
    assert.deepEqual(await listed(cluster), everywhere);
    await cluster.close();
  });
});
