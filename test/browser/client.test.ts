/** The browser's client in Node, against parties: the answers of Node's client, and nothing that either end can be talked into. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectModel, type SplitInput } from "../../src/browser/index.js";
import { connectModel as connectFromNode } from "../../src/client/index.js";
import {
  FrameError,
  InputError,
  PolicyError,
  SecretgradError,
  SessionEndedError,
  ShapeError,
  UnavailableError,
} from "../../src/errors.js";
import { nn } from "../../src/index.js";
import { encodeAnswer, encodeRefusal } from "../../src/serving/wire.js";
import { facts, impostors, startForPages, welcome, withoutTls } from "./helpers.js";

type Failure = new (...args: never[]) => SecretgradError;
const fails = (made: Promise<unknown>, kind: Failure, message: RegExp): Promise<void> =>
  assert.rejects(made, (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    return true;
  });
const insecure = true;

for (const protocol of ["rep3", "additive-2", "additive-3"])
  test(`${protocol}: the same answers as Node's client; each party gets its part and no other`, async () => {
    const cluster = await startForPages({ protocol });
    try {
      const session = await cluster.connect();
      const model = nn.sequential(nn.linear(6, 5), nn.relu(), nn.linear(5, 3));
      const policy = { reveal: "scores", clients: [{ name: "page" }] } as const;
      const { invitations } = await session.deploy("m", model, {
        input: [6],
        policy,
        classes: ["a", "b", "c"],
        largestBatch: 4,
      });
      const invitation = withoutTls(invitations.get("page")!);
      const traffic = { sent: [0, 0, 0], received: [0, 0, 0] };
      const splits: SplitInput[] = [];
      const there = await connectFromNode(invitation, { insecure });
      const here = await connectModel(invitation, {
        insecure,
        onSplit: (split) => splits.push(split),
        onTraffic: (party, direction, bytes) => {
          traffic[direction][party]! += bytes;
        },
      });
      assert.deepEqual({ ...here.facts }, { ...there.facts });
      const inputs = [
        [1, 2, 3, -1, 0.5, 0],
        [0, 0, 0, 0, 0, 0],
        [-4, 3.25, 1e-3, 7, -7, 2],
      ];
      const answers = await here.predictAll(inputs);
      const expected = await there.predictAll(inputs);
      answers.forEach((answer, i) => {
        assert.equal(answer.class, expected[i]!.class);
        assert.equal(answer.label, expected[i]!.label);
        for (const [k, score] of answer.scores!.entries())
          assert.ok(Math.abs(score - expected[i]!.scores![k]!) < 1e-3, `${score} and ${expected[i]!.scores![k]}`);
      });
      assert.equal(splits.length, 3);
      // A hello; three queries of 18 bytes and the part; nobody gets more.
      const parts = splits[0]!.holders;
      for (let party = 0; party < invitation.parties.length; party++) {
        const seeds = parts.slice(0, -1).filter((holders) => holders.includes(party)).length;
        const part = 16 * seeds + (parts.at(-1)!.includes(party) ? 48 : 0);
        assert.equal(traffic.sent[party], 2 + 1 + 1 + 32 + 3 * (18 + part));
        assert.ok(traffic.received[party]! > 3 * (18 + 24));
      }
      await fails(here.predict([1, 2, 3]), ShapeError, /6 numbers .* \[6\], got 3/);
      await fails(here.predict([1, 2, 3, 4, 5, Number.NaN]), SecretgradError, /finite/);
      await fails(here.predict([[1, 2, "3", 4, 5, 6]]), InputError, /numbers/);
      await here.close();
      await fails(here.predict(inputs[0]!), SessionEndedError, /closed/);
      await there.close();
      await fails(connectModel({ ...invitation, token: "sg_wrong" }, { insecure }), PolicyError, /a model and a token/);
      await fails(connectModel({ ...invitation, model: "other" }, { insecure }), PolicyError, /a model and a token/);
      await fails(connectModel(invitation), InputError, /insecure: true/);
      const [first, second, ...others] = invitation.parties;
      const turned = { ...invitation, parties: [second!, first!, ...others] };
      // Another party's credential is none here.
      await fails(connectModel(turned, { insecure }), PolicyError, /a model and a token/);
      await session.close();
      await cluster.daemons[1]!.close();
      await fails(
        connectModel(invitation, { insecure }),
        UnavailableError,
        /expected a connection.*try .*--serve-insecure/,
      );
    } finally {
      await cluster.close();
    }
  });

test("invitations that are none, and addresses that are not safe, are refused before anything is sent", async () => {
  const good = { model: "m", parties: ["https://a.example", "https://b.example"], token: "t".repeat(20) };
  for (const [bad, message] of [
    [undefined, /an object at the top/],
    [{ ...good, token: undefined }, /a text at token/],
    [{ ...good, model: "" }, /a name at model/],
    [{ ...good, parties: [] }, /1 to 16 addresses at parties/],
    [{ ...good, parties: [{ url: "https://a.example", pin: "12" }] }, /64 hex digits at parties.0.pin/],
    [{ ...good, parties: [{ url: "https://a.example", key: "12" }] }, /only url, pin at parties.0/],
    [{ ...good, secret: 1 }, /only model, parties, token at the top/],
    [{ ...good, parties: ["ftp://a.example"] }, /https:/],
    [{ ...good, parties: ["nothing"] }, /the address of a party/],
    [{ ...good, parties: ["https://a.example", "https://a.example/else"] }, /one twice/],
  ] as const)
    await assert.rejects(connectModel(bad as never), (error: unknown) => {
      assert.ok(error instanceof InputError, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes(good.token));
      return true;
    });
  const far = { ...good, parties: ["http://a.example", "http://b.example"] };
  await fails(connectModel(far, { insecure }), InputError, /on this machine/);
  const near = { ...good, parties: ["http://localhost:1", "http://127.0.0.1:1"] };
  await fails(connectModel(near), InputError, /try connectModel\(invitation, \{ insecure: true \}\)/);
});

test("a page without WebCrypto is told so", async () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    const parties = ["https://a.example", "https://b.example"];
    await fails(connectModel({ model: "m", parties, token: "t" }), InputError, /https:\/\/ or localhost/);
  } finally {
    Object.defineProperty(globalThis, "crypto", own);
  }
});

test("what parties say instead of a welcome", async () => {
  for (const [say, kind, message] of [
    [() => "text", FrameError, /version 1/],
    [() => new Uint8Array(100), FrameError, /version 1/],
    [() => Uint8Array.of(1, 129, 123), FrameError, /facts in JSON/],
    [() => encodeAnswer({ id: new Uint8Array(16), part: new Uint8Array(8) }), FrameError, /a welcome first/],
    [(party: number) => welcome(party, { protocol: "plain" }), InputError, /rep3 or additive/],
    [(party: number) => welcome(party, { protocol: "additive-2" }), InputError, /2 addresses/],
    [(party: number) => welcome(party, { version: party }), PolicyError, /the same facts/],
    [() => welcome(0), InputError, /party 1 of 3/],
    [(party: number) => welcome(party, { input: [2 ** 31] }), FrameError, /the shape of an input/],
    [() => encodeRefusal({ reason: "quota", retryAfterMs: 0, text: "used up" }), PolicyError, /used up/],
  ] as const) {
    const liars = await impostors((_, party) => [say(party)]);
    try {
      await fails(connectModel(liars.invitation, { insecure }), kind, message);
    } finally {
      await liars.close();
    }
  }
});

test("what parties say instead of an answer; none of it becomes one", async () => {
  const id = (message: unknown) => (message as { id: Uint8Array }).id;
  for (const [answers, kind, message] of [
    [(m: unknown) => [encodeAnswer({ id: id(m), part: new Uint8Array(16) })], FrameError, /1 numbers, got 2/],
    [(m: unknown) => [encodeAnswer({ id: id(m), part: new Uint8Array(3) })], FrameError, /whole words/],
    [
      () => [encodeAnswer({ id: new Uint8Array(16).fill(1), part: new Uint8Array(8) })],
      UnavailableError,
      /within 200 ms/,
    ],
    [() => ["text"], FrameError, /version 1/],
    [() => [welcome(0)], FrameError, /one welcome/],
    [
      (m: unknown) => [encodeRefusal({ id: id(m), reason: "busy", retryAfterMs: 7, text: "later" })],
      UnavailableError,
      /later/,
    ],
  ] as const) {
    const liars = await impostors((message, party) => (message.type === "hello" ? [welcome(party)] : answers(message)));
    try {
      const model = await connectModel(liars.invitation, { insecure, timeoutMs: 200 });
      await fails(model.predict([1, 2]), kind, message);
      await model.close();
    } finally {
      await liars.close();
    }
  }
});

test("one party of another length than the others spoils the answer, not the page", async () => {
  const liars = await impostors((message, party) =>
    message.type === "hello"
      ? [welcome(party)]
      : [encodeAnswer({ id: message.id, part: new Uint8Array(party === 1 ? 4 : 8) })],
  );
  try {
    const model = await connectModel(liars.invitation, { insecure });
    await fails(model.predict([1, 2]), FrameError, /1 numbers/);
    await model.close();
  } finally {
    await liars.close();
  }
});

test("no party sees the credential of another, and ids differ by query", async () => {
  const liars = await impostors((message, party) =>
    message.type === "hello" ? [welcome(party)] : [encodeAnswer({ id: message.id, part: new Uint8Array(8) })],
  );
  try {
    const model = await connectModel(liars.invitation, { insecure });
    assert.deepEqual(model.facts.input, facts.input);
    for (let i = 0; i < 3; i++) assert.deepEqual((await model.predict([1, 2])).scores, Float64Array.of(0));
    await model.close();
    const credentials = liars.heard.map(([hello]) => (hello as { credential: Uint8Array }).credential.join());
    assert.equal(new Set(credentials).size, 3);
    const ids = liars.heard.map((said) => said.slice(1).map((query) => (query as { id: Uint8Array }).id.join()));
    assert.deepEqual(ids[0], ids[1]);
    assert.equal(new Set(ids[0]).size, 3);
  } finally {
    await liars.close();
  }
});
