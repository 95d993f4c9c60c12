/** Faults between real processes over TLS: a killed party, wrong keys, plans without a grant, two drivers at once. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, data, HandshakeError, PolicyError } from "../../src/index.js";
import { secretgrad, type TestCluster, temporaryDirectory, testCluster } from "../cli/program.js";
import { grantTraining, killInTraining, model, optimizer, shareRows, state, train } from "./training.js";

let cluster: TestCluster;
before(async () => {
  cluster = await testCluster({ timeoutMs: 4000 });
  await shareRows(cluster);
  await grantTraining(cluster, "driver,eve");
});
after(() => cluster.stop());

test("a party killed in a training step is named in time; after its restart all go on from one version", async () => {
  const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const net = model("killed");
  const sgd = optimizer(net);
  await train(session, net, 2, sgd);
  await session.save();
  const saved = await state(net, session);

  await killInTraining(cluster, "p1", 6, session, net, sgd);
  const down = await cluster.run("status", "--json");
  assert.equal(down.code, 1);

  cluster.startParty("p1");
  await cluster.inSession();
  // What was saved is the newest version that all three have: p1 lost what it had in memory alone.
  assert.deepEqual(await state(net, session), saved);
  const losses = await train(session, net, 3, sgd);
  assert.equal(losses.length, 12);
  assert.ok(losses.every(Number.isFinite));
  await session.close();

  const later = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const again = model("killed");
  assert.equal(await later.resume(again.parameters()), 4);
  assert.notDeepEqual(await state(again, later), saved);
  await later.close();
});

test("two drivers train at once, and neither can touch the other's model", async () => {
  const [driver, eve] = await Promise.all(
    ["driver", "eve"].map((as) => connect(cluster.file, { as, waitForGrantsMs: 10_000 })),
  );
  const [mine, hers] = await Promise.all([train(driver!, model("mine"), 3), train(eve!, model("hers"), 3)]);
  assert.equal(mine.length + hers.length, 24);
  assert.ok([...mine, ...hers].every(Number.isFinite));
  const theft = model("mine");
  await assert.rejects(train(eve!, theft, 1), PolicyError);
  await Promise.all([driver!.close(), eve!.close().catch(() => {})]);
});

test("a plan that would reveal rows under another release is not granted, and reveals nothing", async () => {
  const session = await connect(cluster.file, { as: "driver" });
  const rows = session.dataset("alice/x").all();
  await assert.rejects(data.count(rows.sum(1).gt(0)).reveal(), {
    name: "GrantMissingError",
    message: /expected a grant by alice .*release count of 64 rows to driver/,
  });
  await session.close();
});

test("wrong keys are refused by both ends", async () => {
  const directory = temporaryDirectory();
  await secretgrad(["init", directory, "--port", "0"]);
  const ours = JSON.parse(readFileSync(cluster.file, "utf8"));
  const theirs = JSON.parse(readFileSync(join(directory, "cluster.json"), "utf8"));
  const stranger = join(directory, "stranger.json");

  // A stranger's key in the driver's place: the parties do not know it.
  writeFileSync(stranger, JSON.stringify({ ...ours, users: theirs.users }));
  await assert.rejects(connect(stranger, { as: "driver", connectTimeoutMs: 3000 }), HandshakeError);

  // Somebody else listens where p1 should be: the driver expects p1's key.
  const parties = ours.parties.map((party: { pin: string }, i: number) =>
    i === 1 ? { ...party, pin: theirs.parties[1].pin } : party,
  );
  const impostor = join(cluster.directory, "impostor.json");
  writeFileSync(impostor, JSON.stringify({ ...ours, parties }));
  await assert.rejects(connect(impostor, { as: "driver", connectTimeoutMs: 3000 }), {
    name: "HandshakeError",
    message: /p1.*expected the key/,
  });
});
