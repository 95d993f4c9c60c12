import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PolicyError } from "../../src/errors.js";
import { dial, type Identity, RpcClient } from "../../src/net/index.js";
import { type Cluster, Daemon, memoryStores, type Stores } from "../../src/party/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { failure, names } from "./helpers.js";
import { double, increase, init, show, word } from "./plans.js";
import { Clients, makeCluster } from "./tls-cluster.js";

describe("daemons over TLS", { timeout: 60_000 }, () => {
  const stores: Stores[] = names.map(() => memoryStores());
  const daemons: Daemon[] = [];
  let cluster: Cluster;
  let identities: Map<string, Identity>;

  async function begin(self: number): Promise<void> {
    const identity = identities.get(names[self]!)!;
    daemons[self] = new Daemon({ cluster, identity, definition: rep3, stores: stores[self]!, version: "test" });
    await daemons[self]!.start();
  }
  before(async () => {
    ({ cluster, identities } = await makeCluster(3000));
    await Promise.all(names.map((_, self) => begin(self)));
  });
  after(async () => {
    await Promise.all(daemons.map((daemon) => daemon.close()));
  });
  const as = (name: string) => new Clients(cluster, identities.get(name)!);

  it("run plans, and go on after a party was restarted", async () => {
    const driver = await as("driver").up();
    const { words } = await driver.run(double(2), { inputs: { x: [word(1), word(-4)] } });
    assert.deepEqual(words.get("y"), [word(2), word(-8)]);
    await driver.run(init([5]));
    for (const victim of [0, 1, 2]) {
      await driver.run(increase([1]));
      const stopped = performance.now();
      await daemons[victim]!.close();
      const error = await failure(driver.run(show(1)));
      assert.ok(performance.now() - stopped < 3500);
      assert.match(error.message, new RegExp(`p${victim}`));
      await begin(victim);
      await driver.up();
      assert.deepEqual((await driver.run(show(1))).words.get("w"), [word(6 + victim)]);
    }
    driver.close();
  });

  it("know owners, drivers and strangers by their keys", async () => {
    const owner = await as("alice").connect();
    const [hello] = await owner.all("hello");
    assert.deepEqual((hello!.result as { caller: object }).caller, { name: "alice", role: "owner" });
    assert.ok((await failure(owner.all("checkpoint"))) instanceof PolicyError);
    owner.close();
    await failure(as("mallory").connect());
  });

  it("let nobody take more than some connections, so that others find one", async () => {
    const { name, host, port, pin } = cluster.parties[1]!;
    const expected = { name, role: "party", index: 1, fingerprint: pin } as const;
    const alice = identities.get("alice")!;
    const opened = await Promise.all(Array.from({ length: 24 }, () => dial(host, port, alice, expected)));
    const clients = opened.map((connection) => new RpcClient(connection));
    const answers = await Promise.allSettled(clients.map((client) => client.call("hello", {})));
    assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 16);
    const driver = await as("driver").up();
    driver.close();
    for (const client of clients) client.close();
    await Promise.all(clients.map(({ closed }) => closed));
    // Closed ones do not count.
    for (;;) {
      const again = new RpcClient(await dial(host, port, alice, expected));
      const answer = await again.call("hello", {}).catch(() => undefined);
      again.close();
      if (answer) break;
    }
  });

  it("end a session when a peer connects anew, and make another", async () => {
    const driver = await as("driver").up();
    // Somebody with the key of p0 and nothing else: the session is lost, and found again.
    const { host, port, pin } = cluster.parties[2]!;
    const expected = { name: "p2", role: "party", index: 2, fingerprint: pin } as const;
    const intruder = await dial(host, port, identities.get("p0")!, expected);
    await new Promise((resolve) => setTimeout(resolve, 100));
    intruder.close();
    await driver.up();
    const { words } = await driver.run(double(1), { inputs: { x: [word(2)] } });
    assert.deepEqual(words.get("y"), [word(4)]);
    driver.close();
  });

  it("stop at once, also while they wait for peers that never come", async () => {
    const lonely = await makeCluster(3000);
    const identity = lonely.identities.get("p1")!;
    const options = { definition: rep3, stores: memoryStores(), version: "test" };
    const daemon = new Daemon({ cluster: lonely.cluster, identity, ...options });
    await daemon.start();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = performance.now();
    await daemon.close();
    assert.ok(performance.now() - before < 1000);
  });
});
