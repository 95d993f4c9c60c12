/** Models that three parties serve over TLS: what clients get, and what they do not. All parties are in this process. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Session } from "../../src/client/index.js";
import {
  connectModel,
  type DeployedModel,
  HandshakeError,
  InputError,
  type Invitation,
  NameError,
  nn,
  PolicyError,
  ShapeError,
  UnavailableError,
} from "../../src/index.js";
import { credentialOf, encodeHello, encodeQuery } from "../../src/serving/wire.js";
import { failure } from "../party/helpers.js";
import { ServingCluster } from "./cluster.js";
import { fresh, Raw, split } from "./raw.js";

const lines: string[] = [];
const note = (message: string, facts?: object) => lines.push(`${message} ${JSON.stringify(facts)}`);
const log = { debug: note, info: note, warn: note, error: note };

let cluster: ServingCluster;
let session: Session;
before(async () => {
  cluster = await ServingCluster.start({ log: () => log, limits: { queryMs: 2500 } });
  session = await cluster.connect();
});
after(async () => {
  await session.close();
  await cluster.close();
});

const weight = [
  [0.5, -1, 0.25, 2],
  [1, 1, -0.5, -1],
  [-0.75, 0.125, 1, 0],
];
const bias = [0.5, -0.25, 0];
const linear = () => nn.sequential(nn.linear(4, 3)).loadStateDict({ "0.weight": weight, "0.bias": bias });
const scoresOf = (x: readonly number[]) => weight.map((row, c) => row.reduce((sum, w, i) => sum + w * x[i]!, bias[c]!));
const input = (i: number) => [Math.sin(i), Math.cos(3 * i), (i % 7) / 3 - 1, ((i * 5) % 11) / 5 - 1];

let count = 0;
type Policy = Parameters<Session["deploy"]>[2]["policy"];
async function deployed(policy: Policy, largestBatch = 8): Promise<DeployedModel> {
  return session.deploy(`model${count++}`, linear(), { input: [4], policy, largestBatch });
}
const only = ({ invitations }: DeployedModel): Invitation => [...invitations.values()][0]!;

test("answers of concurrent clients are those of the model, each client's own", async () => {
  const policy: Policy = { reveal: "scores", clients: [{ name: "a" }, { name: "b" }, { name: "c" }] };
  const { invitations } = await deployed(policy);
  await Promise.all(
    [...invitations.values()].map(async (invitation, client) => {
      const model = await connectModel(invitation);
      const inputs = Array.from({ length: 40 }, (_, i) => input(100 * client + i));
      const answers = await model.predictAll(inputs);
      answers.forEach(({ scores, class: at }, i) => {
        const expected = scoresOf(inputs[i]!);
        expected.forEach((score, c) => {
          assert.ok(Math.abs(scores![c]! - score) < 1e-3, `${scores} is not ${expected}`);
        });
        assert.equal(at, scores!.indexOf(Math.max(...scores!)));
      });
      await model.close();
    }),
  );
});

test("only the class is revealed where the policy says so, with its name", async () => {
  const model = await session.deploy("named", linear(), {
    ...{ input: [4], classes: ["ant", "bee", "cat"], largestBatch: 2 },
    policy: `[[clients]]\nname = "shop"\nper-minute = 1000\nexpires = ${new Date(Date.now() + 60_000).toISOString()}\n`,
  });
  const remote = await connectModel(only(model));
  assert.deepEqual(remote.facts.output, { kind: "class", shape: [], scale: 0, bits: 64 });
  for (let i = 0; i < 5; i++) {
    const scores = scoresOf(input(i));
    const expected = scores.indexOf(Math.max(...scores));
    assert.deepEqual(await remote.predict(input(i)), { class: expected, label: ["ant", "bee", "cat"][expected] });
  }
  await remote.close();
});

test("a wrong token, an unknown model and an expired token are refused alike", async () => {
  const soon = new Date(Date.now() + 1500);
  const model = await deployed({ clients: [{ name: "shop" }, { name: "late", expires: soon }] });
  const good = only(model);
  const late = model.invitations.get("late")!;
  const open = await connectModel(late);
  await open.predict(input(1));
  await new Promise((resolve) => setTimeout(resolve, soon.getTime() - Date.now() + 10));
  const refused = await Promise.all([
    failure(connectModel({ ...good, token: `${good.token}x` })),
    failure(connectModel({ ...good, model: "nothing" })),
    failure(connectModel(late)),
  ]);
  const text = (error: Error) => error.message.replace(/^wss:\S+ /, "");
  for (const error of refused) {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(text(error), text(refused[0]!));
  }
  assert.match((await failure(open.predict(input(2)))).message, /withdrawn or expired/);
  await open.close();
});

test("a party with another key than the pinned one is not talked to", async () => {
  const good = only(await deployed({ clients: [{ name: "shop" }] }));
  const parties = good.parties.map((party) => (typeof party === "string" ? party : { ...party, pin: "0".repeat(64) }));
  assert.ok((await failure(connectModel({ ...good, parties }))) instanceof HandshakeError);
  const urls = good.parties.map((party) => (typeof party === "string" ? party : party.url));
  // No authority vouches for the parties' own certificates.
  assert.ok((await failure(connectModel({ ...good, parties: urls }))) instanceof UnavailableError);
  const [a, b, c] = good.parties as [string, string, string];
  assert.match((await failure(connectModel({ ...good, parties: [b, a, c] }))).message, /expected/);
});

test("every party counts: no more answers than allowed, in all and for each client, also when asked at once", async () => {
  const model = await deployed({ queries: 7, clients: [{ name: "few", queries: 2 }, { name: "many" }] });
  const few = await connectModel(model.invitations.get("few")!);
  const many = await connectModel(model.invitations.get("many")!);
  const settle = async (asked: Promise<unknown>[]) => {
    const results = await Promise.allSettled(asked);
    // Those that come while as many wait as are allowed may ask again; they then learn whether there was one left.
    for (const each of results)
      if (each.status === "rejected")
        assert.ok(each.reason instanceof PolicyError || /allowance/.test(each.reason.message), each.reason);
    return results.filter((each) => each.status === "fulfilled").length;
  };
  assert.equal(await settle(Array.from({ length: 5 }, (_, i) => few.predict(input(i)))), 2);
  assert.equal(await settle(Array.from({ length: 20 }, (_, i) => many.predict(input(i)))), 5);
  assert.match((await failure(many.predict(input(0)))).message, /at most 7 queries in all/);
  assert.match((await failure(few.predict(input(0)))).message, /at most 2 queries of few/);
  const listed = (await session.deployments()).find(({ name }) => name === model.name)!;
  assert.deepEqual([listed.asked, listed.clients.map(({ asked }) => asked)], [7, [2, 5]]);
  await Promise.all([few.close(), many.close()]);
});

test("queries above the rate are refused with a time after which they are answered", async () => {
  const remote = await connectModel(only(await deployed({ clients: [{ name: "shop", perMinute: 30 }] }, 64)));
  const results = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => remote.predict(input(i))));
  const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason as Error] : []));
  assert.ok(refused.length >= 5 && refused.length <= 10, String(refused.length));
  const [error] = refused;
  assert.ok(error instanceof UnavailableError && error.retryAfterMs > 0 && error.retryAfterMs <= 2000, String(error));
  await remote.close();
});

test("a query is taken once, whoever repeats it, and others go on", async () => {
  const raws = await Raw.all(only(await deployed({ clients: [{ name: "shop" }] })));
  const ask = (id: Uint8Array, parts = split(input(1))) =>
    Promise.all(
      raws.map((raw, i) => {
        raw.send(encodeQuery({ id, part: parts[i]! }));
        return raw.end(id);
      }),
    );
  const id = fresh();
  assert.deepEqual(await ask(id), ["answer", "answer", "answer"]);
  assert.deepEqual(await ask(id), ["repeated", "repeated", "repeated"]);
  // While it waits: the second copy is refused, the first one answered.
  const twice = fresh();
  const parts = split(input(2));
  raws[0]!.send(encodeQuery({ id: twice, part: parts[0]! }));
  raws[0]!.send(encodeQuery({ id: twice, part: parts[0]! }));
  assert.equal(await raws[0]!.end(twice), "repeated");
  for (const i of [1, 2]) raws[i]!.send(encodeQuery({ id: twice, part: parts[i]! }));
  assert.deepEqual(await Promise.all(raws.map((raw) => raw.end(twice))), ["answer", "answer", "answer"]);
  assert.deepEqual(await ask(fresh()), ["answer", "answer", "answer"]);
  for (const raw of raws) raw.socket.terminate();
});

test("parts that do not belong together are refused, whichever two parties differ", async () => {
  const raws = await Raw.all(only(await deployed({ clients: [{ name: "shop" }] })));
  // p0 and p1 share b, p1 and p2 the correction, p0 and p2 a.
  for (const [party, at] of [
    [0, 0],
    [0, 16],
    [1, 0],
    [1, 20],
    [2, 0],
    [2, 40],
  ] as const) {
    const parts = split(input(3));
    parts[party]![at]! ^= 1;
    const id = fresh();
    for (const [i, raw] of raws.entries()) raw.send(encodeQuery({ id, part: parts[i]! }));
    assert.deepEqual(
      await Promise.all(raws.map((raw) => raw.end(id))),
      Array(3).fill("inconsistent"),
      `${party} ${at}`,
    );
  }
  for (const raw of raws) raw.socket.terminate();
});

test("a part of another length is refused at once by all, one that some party lacks after a while", async () => {
  const invitation = only(await deployed({ clients: [{ name: "shop" }] }));
  const raws = await Raw.all(invitation);
  const id = fresh();
  const parts = split([1, 2, 3]);
  for (const [i, raw] of raws.entries()) raw.send(encodeQuery({ id, part: parts[i]! }));
  // Two seeds are as long for every input: party 0 hears from the others that the shape is wrong.
  assert.deepEqual(await Promise.all(raws.map((raw) => raw.end(id))), ["shape", "shape", "shape"]);
  const lonely = fresh();
  for (const i of [0, 2]) raws[i]!.send(encodeQuery({ id: lonely, part: split(input(1))[i]! }));
  assert.deepEqual(await Promise.all([0, 2].map((i) => raws[i]!.end(lonely))), ["incomplete", "incomplete"]);
  for (const raw of raws) raw.socket.terminate();
  const model = await connectModel(invitation);
  assert.ok((await failure(model.predict([1, 2, 3]))) instanceof ShapeError);
  assert.ok((await failure(model.predict(["1", 2, 3, 4]))) instanceof InputError);
  await model.close();
});

test("what is not of the format ends the connection, and nobody else's", async () => {
  const invitation = only(await deployed({ clients: [{ name: "shop" }] }));
  const model = await connectModel(invitation);
  const bad: [string, boolean, Uint8Array | string][] = [
    ["another version", false, Uint8Array.of(2, 1, 0)],
    ["a query before the hello", false, encodeQuery({ id: fresh(), part: split(input(1))[0]! })],
    ["text", false, "hello"],
    ["two hellos", true, encodeHello({ model: invitation.model, credential: await credentialOf(invitation.token, 0) })],
    ["no id", true, Uint8Array.of(1, 2, 3)],
    ["a party's message", true, Uint8Array.of(1, 130, ...fresh())],
    ["nothing", true, new Uint8Array()],
  ];
  for (const [what, hello, bytes] of bad) {
    const raw = await Raw.open(invitation, 0, hello);
    raw.socket.send(bytes);
    const refusal = await raw.until((message) => message.type === "refusal");
    assert.equal(refusal.type === "refusal" && refusal.reason, "malformed", what);
    await new Promise<void>((resolve) => (raw.closed ? resolve() : raw.socket.once("close", () => resolve())));
  }
  // Longer than any part: not even read to its end.
  const raw = await Raw.open(invitation, 0);
  raw.socket.send(new Uint8Array(100_000));
  await new Promise<void>((resolve) => raw.socket.once("close", () => resolve()));
  await model.predict(input(1));
  await model.close();
});

test("too many unanswered queries of one connection end it", async () => {
  const raw = await Raw.open(only(await deployed({ clients: [{ name: "shop" }] })), 1);
  for (let i = 0; i < 65; i++) raw.socket.send(encodeQuery({ id: fresh(), part: split(input(i))[1]! }));
  await new Promise<void>((resolve) => raw.socket.once("close", () => resolve()));
});

test("a name is served once; a withdrawn model is gone for clients that are connected, and its name is free", async () => {
  const first = await session.deploy("twice", linear(), { input: [4], policy: { clients: [{ name: "a" }] } });
  assert.ok(
    (await failure(session.deploy("twice", linear(), { input: [4], policy: { clients: [{ name: "a" }] } }))) instanceof
      NameError,
  );
  const model = await connectModel(only(first));
  await model.predict(input(1));
  await session.withdraw("twice");
  assert.ok((await failure(model.predict(input(1)))) instanceof PolicyError);
  assert.ok((await failure(session.withdraw("twice"))) instanceof NameError);
  const again = await session.deploy("twice", linear(), { input: [4], policy: { clients: [{ name: "a" }] } });
  assert.ok((await failure(connectModel(only(first)))) instanceof PolicyError);
  const renewed = await connectModel(only(again));
  await renewed.predict(input(1));
  await Promise.all([model.close(), renewed.close()]);
});

test("training on does not change what is served", async () => {
  const model = linear();
  const served = await session.deploy("kept", model, {
    ...{ input: [4], largestBatch: 1 },
    policy: { reveal: "scores", clients: [{ name: "a" }] },
  });
  const x = session.secret([input(1)]);
  const parameter = model.parameters()[0]!;
  session.graph.write(parameter, parameter.in(session.graph).add(1).ref);
  await x.sum().reveal();
  await session.flush();
  const remote = await connectModel(only(served));
  const { scores } = await remote.predict(input(1));
  scoresOf(input(1)).forEach((score, c) => {
    assert.ok(Math.abs(scores![c]! - score) < 1e-3);
  });
  await remote.close();
});

test("a model whose rows mix is not served: rows of a batch belong to several clients", async () => {
  const mixing = nn.module({ fc: nn.linear(4, 3) }, (x, { fc }) => {
    const y = fc(x);
    return y.sub(y.mean([0], true));
  });
  const policy = { reveal: "scores", clients: [{ name: "a" }] } as const;
  const error = await failure(session.deploy("mixing", mixing, { input: [4], policy }));
  assert.match(error.message, /each row of the output depends on its own row/);
  const turned = nn.module({ fc: nn.linear(4, 3) }, (x, { fc }) => fc(x).flip(0));
  assert.match((await failure(session.deploy("turned", turned, { input: [4], policy }))).message, /its own row/);
});

test("no token, credential or number is in any log", async () => {
  const model = await deployed({ reveal: "scores", clients: [{ name: "shop" }] });
  const invitation = only(model);
  const remote = await connectModel(invitation);
  await remote.predict([1234.5, 2, 3, 4]);
  await failure(connectModel({ ...invitation, token: "another-token-of-somebody" }));
  await remote.close();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const text = lines.join("\n");
  assert.match(text, /queries denied/);
  const credential = Buffer.from(await credentialOf(invitation.token, 0)).toString("hex");
  for (const secret of [invitation.token, "another-token", credential, "1234.5", "80904192"])
    assert.ok(!text.includes(secret), secret);
});
