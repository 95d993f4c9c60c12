/** Two groups serve one model through a broker in this process: answers, policies, what the broker sees, what it cannot do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { HandshakeError, InputError, PolicyError, SessionEndedError, UnavailableError } from "../../src/errors.js";
import { connectModel, type ScaledInvitation, type ServedModel } from "../../src/index.js";
import { EmbeddedBroker, openBroker } from "../../src/net/index.js";
import { protocolNamed } from "../../src/protocol/index.js";
import { secureRandom } from "../../src/random/index.js";
import { groupId, ScaledModel } from "../../src/scale/index.js";
import {
  contextOf,
  decodeAnswer,
  decodeJob,
  encodeJob,
  encodeQuestion,
  jobSubject,
  keyStartOf,
  keySubject,
  offerSubject,
} from "../../src/scale/messages.js";
import { seal } from "../../src/scale/seal.js";
import { checkSealingKey } from "../../src/scale/sealing-key.js";
import { credentialOf, decodeFromParty, encodeHello, encodeQuery } from "../../src/serving/wire.js";
import { hostile, input, type ServedGroup, scoresOf, servedGroup } from "./groups.js";

const embedded = new EmbeddedBroker();
const between = hostile(embedded);
let groups: ServedGroup[];
before(async () => {
  groups = [];
  for (let i = 0; i < 2; i++) groups.push(await servedGroup({ broker: () => embedded }));
  // A group offers itself soon after it begins to serve.
  const offered = new Set<string>();
  while (offered.size < 2)
    try {
      offered.add(Buffer.from(await embedded.request(offerSubject("linear"), new Uint8Array(), 5000)).toString());
    } catch {
      await pause(20);
    }
});
after(() => Promise.all(groups.map(({ cluster }) => cluster.close())));

const { sharing } = protocolNamed("rep3");
type Sharing = typeof sharing;
let splits = 0;
const splitting = (sharing: Sharing) => (words: Uint8Array) => {
  splits++;
  const seeds = sharing.freshSeeds();
  const correction = sharing.correction(seeds, 0, words);
  return seeds.byParty.map((own, i) => Buffer.concat([...own, ...(sharing.keepsCorrection[i] ? [correction] : [])]));
};
const split = splitting(sharing);
const combine = (parts: readonly Uint8Array[], bytes: 4 | 8) => sharing.combine(parts, bytes);
const invitation = (which = groups): ScaledInvitation => ({
  model: "linear",
  groups: which.map(({ invited }) => invited),
});
const connect = (options: { retries?: number; timeoutMs?: number } = {}, given = invitation()) =>
  ScaledModel.connect({ broker: between, invitation: given, sharing: () => ({ split, combine }), ...options });

async function check(model: ServedModel, i: number): Promise<void> {
  const { scores } = await model.predict(input(i));
  scoresOf(input(i)).forEach((score, c) => {
    assert.ok(Math.abs(scores![c]! - score) < 1e-3, `${scores} for input ${i}`);
  });
}
const asked = (group: ServedGroup): number =>
  group.cluster.daemons[1]!.party.gate.page("/metrics", true)!
    .body.split("\n")
    .filter((line) => line.startsWith("secretgrad_queries_answered_total"))
    .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
const jobs = /\.job$/;

test("both groups answer, each query by one of them, and the broker sees nothing that it could open", async () => {
  between.seen.length = 0;
  const before = groups.map(asked);
  const model = await connect();
  await Promise.all(Array.from({ length: 40 }, (_, i) => check(model, i)));
  await model.close();
  const counts = groups.map((group, i) => asked(group) - before[i]!);
  assert.equal(counts[0]! + counts[1]!, 40);
  assert.ok(
    counts.every((count) => count > 0),
    `${counts}`,
  );
  const all = Buffer.concat(between.seen);
  assert.ok(all.length > 40 * 3 * 100);
  for (const { invited } of groups) {
    assert.ok(!all.includes(invited.token));
    for (const party of [0, 1, 2]) assert.ok(!all.includes(Buffer.from(await credentialOf(invited.token, party))));
  }
  assert.ok(!all.includes('"fraction"'), "facts are sealed, too");
  await assert.rejects(model.predict(input(0)), SessionEndedError);
});

test("connectModel finds the groups through the broker of this process", async () => {
  const [first] = groups;
  const broker = await openBroker(undefined);
  const other = await servedGroup({ broker: () => broker, queries: 2 });
  const given = { model: "linear", groups: [first!.invited, other.invited] };
  const model = await connectModel(given);
  await check(model, 1);
  await check(model, 2);
  // Not the broker, but each party counts.
  await assert.rejects(model.predict(input(3)), PolicyError);
  await model.close();
  await assert.rejects(
    connectModel({ ...given, groups: [{ ...other.invited, token: "guess" }] }),
    (error: Error) => error instanceof PolicyError && !error.message.includes("guess"),
  );
  await other.cluster.close();
  await assert.rejects(connectModel(given, { retries: 1 }), UnavailableError);
});

test("groups may share secrets differently; a dealer answers nobody", async () => {
  const broker = new EmbeddedBroker();
  const dealt = await servedGroup({ protocol: "additive-2", broker: () => broker });
  assert.equal(dealt.invited.parties.length, 2);
  const model = await ScaledModel.connect({
    ...{ broker, invitation: invitation([dealt, groups[0]!]), retries: 20 },
    sharing: (protocol) => {
      const { sharing } = protocolNamed(protocol);
      return { split: splitting(sharing), combine: (parts, bytes) => sharing.combine(parts, bytes) };
    },
  });
  for (let i = 0; i < 3; i++) await check(model, i);
  await model.close();
  await dealt.cluster.close();
});

test("an invitation is read strictly", async () => {
  const { invited } = groups[0]!;
  const wrong = [
    { model: "linear", groups: [] },
    { model: "linear", groups: [invited, invited] },
    { model: "linear", groups: [{ ...invited, parties: [invited.parties[0]!, invited.parties[0]!] }] },
    { model: "linear", groups: [{ ...invited, parties: ["00"] }] },
    // One organisation could be another party in each, and have each party's part of the credential.
    { model: "linear", groups: [invited, { ...groups[1]!.invited, token: invited.token }] },
    { model: "linear", groups: [invited], more: 1 },
    { model: "linear", groups: [invited], broker: "http://localhost" },
  ];
  for (const given of wrong) await assert.rejects(connectModel(given as ScaledInvitation), InputError);
  await assert.rejects(
    connectModel({ model: "m", parties: ["https://localhost:1"], token: "t" }, { broker: "nats://localhost" }),
    InputError,
  );
});

test("what anybody may send to a party: too late, far too early, for other keys, nonsense", async () => {
  const place = { group: groupId(groups[0]!.invited.parties), party: 1 };
  const certified = await embedded.request(keySubject(place), new Uint8Array(), 5000);
  const { publicKey } = checkSealingKey(certified, groups[0]!.invited.parties[1]!, place, Date.now());
  const send = async (expires: number, plaintext: Uint8Array, keyStart = keyStartOf(publicKey)) => {
    const facts = { id: secureRandom(16), model: "linear", expires };
    const { message, open } = seal(publicKey, contextOf(facts, place), plaintext);
    const answer = decodeAnswer(
      await embedded.request(jobSubject(place), encodeJob({ ...facts, keyStart, sealed: message }), 5000),
    );
    return typeof answer === "string" ? answer : decodeFromParty(open(answer), "party");
  };
  const soon = Date.now() + 60_000;
  assert.equal(await send(Date.now() - 1, new Uint8Array(4)), "expired");
  assert.equal(await send(Date.now() + 7_200_000, new Uint8Array(4)), "expired");
  assert.equal(await send(soon, new Uint8Array(4), new Uint8Array(8)), "stale");
  assert.equal(await send(soon, new Uint8Array(4)), "changed");
  // Sealed as it should be, but by somebody without a token, and by somebody without manners.
  const hello = encodeHello({ model: "linear", credential: new Uint8Array(32) });
  for (const [message, reason] of [
    [hello, "unauthorized"],
    [hello.subarray(0, 20), "malformed"],
    [encodeQuery({ id: secureRandom(16), part: new Uint8Array(8) }), "malformed"],
  ] as const) {
    const answer = await send(soon, encodeQuestion(message, undefined));
    assert.ok(typeof answer !== "string" && answer.type === "refusal" && answer.reason === reason, reason);
  }
  for (const bytes of [new Uint8Array(), new Uint8Array(34), Buffer.alloc(1000, 1)])
    assert.deepEqual([...(await embedded.request(jobSubject(place), bytes, 5000))], [1, 2]);
});

/** Runs `harm` on what clients send from the second answer on, so that keys are known; undoes it. */
async function under(
  harm: NonNullable<typeof between.harm>,
  work: (model: ServedModel) => Promise<void>,
  options = {},
) {
  const model = await connect(options);
  await check(model, 0);
  between.harm = harm;
  try {
    await work(model);
  } finally {
    between.harm = undefined;
    await model.close();
  }
}

test("jobs that the broker drops are asked again, under other ids with other shares", async () => {
  let dropped = 0;
  const ids = new Set<string>();
  let sent = 0;
  const before = splits;
  await under(
    async (subject, message, deliver) => {
      if (!jobs.test(subject)) return deliver(subject, message);
      sent++;
      ids.add(`${subject} ${Buffer.from(message.subarray(1, 17)).toString("hex")}`);
      if (subject.endsWith(".1.job") && dropped++ < 2) throw new UnavailableError("broker: dropped", 10);
      return deliver(subject, message);
    },
    async (model) => {
      await check(model, 5);
    },
  );
  assert.ok(dropped >= 3);
  assert.equal(ids.size, sent);
  // The first query of `under`, and each attempt of the second.
  assert.equal(splits - before, 1 + sent / 3);
});

test("the broker knows no query's id; a client that knows another's takes no query's place by it", async () => {
  const [group] = groups;
  const ids = new Set<string>();
  let sent = 0;
  await under(
    async (subject, message, deliver) => {
      if (jobs.test(subject) && sent++ >= 0) ids.add(Buffer.from(decodeJob(message).id).toString("hex"));
      return deliver(subject, message);
    },
    (model) => check(model, 3),
  );
  assert.equal(ids.size, sent, "of its own for each job");
  // Two clients, one query id, the one of them first at one party.
  const { gate } = group!.cluster.daemons[1]!.party;
  const { length } = split(new Uint8Array(32))[1]!;
  const id = secureRandom(16);
  const said = async (token: string, part: Uint8Array) => {
    const messages: Uint8Array[] = [];
    const handlers = gate.connected({ unsent: 0, send: (message) => messages.push(message), close: () => {} });
    handlers.message(encodeHello({ model: "linear", credential: await credentialOf(token, 1) }));
    handlers.message(encodeQuery({ id, part }));
    return () => messages.map((message) => decodeFromParty(message, "party"));
  };
  await said(group!.other, new Uint8Array(length));
  const victim = await said(group!.invited.token, new Uint8Array(length));
  await pause(300);
  assert.deepEqual(
    victim().map((message) => (message.type === "refusal" ? message.reason : message.type)),
    ["welcome"],
    "it waits for the other parties",
  );
});

test("without any answer a query ends in an error that says so, and one group's silence is no matter", async () => {
  const silent = groupId(groups[0]!.invited.parties);
  let offers = 0;
  await under(
    (subject, message, deliver) => {
      if (subject.includes(".offer.") && offers++ % 3 < 2) return Promise.resolve(Buffer.from(silent));
      if (!subject.includes(silent) || !jobs.test(subject)) return deliver(subject, message);
      return pause(300).then(() => Promise.reject(new UnavailableError("broker: late", 10)));
    },
    async (model) => {
      for (let i = 0; i < 6; i++) await check(model, i);
    },
    { retries: 1 },
  );
  // A group whose parties are there, but say nothing.
  offers = 0;
  await under(
    (subject, message, deliver) => {
      if (subject.includes(".offer.") && offers++ % 3 < 2) return Promise.resolve(Buffer.from(silent));
      return subject.includes(silent) && jobs.test(subject) ? new Promise(() => {}) : deliver(subject, message);
    },
    (model) => check(model, 7),
    { retries: 1, timeoutMs: 5000 },
  );
  await under(
    (subject, message, deliver) =>
      jobs.test(subject) ? Promise.reject(new UnavailableError("broker: late", 10)) : deliver(subject, message),
    async (model) => {
      await assert.rejects(model.predict(input(0)), (error: Error) => error instanceof UnavailableError);
    },
    { retries: 2 },
  );
});

test("jobs sent twice, or later again, are opened once", async () => {
  const kept: [string, Uint8Array][] = [];
  const before = groups.map(asked);
  await under(
    async (subject, message, deliver) => {
      if (!jobs.test(subject)) return deliver(subject, message);
      kept.push([subject, message]);
      const [first] = await Promise.all([deliver(subject, message), deliver(subject, message)]);
      return first!;
    },
    async (model) => {
      for (let i = 0; i < 4; i++) await check(model, i);
    },
  );
  const after = groups.map(asked);
  assert.equal(after[0]! + after[1]! - before[0]! - before[1]!, 5);
  for (const [subject, message] of kept) {
    const answer = await embedded.request(subject, message, 5000);
    assert.deepEqual([...answer], [1, 3], "refused as repeated");
  }
  assert.deepEqual(groups.map(asked), after);
});

test("changed, swapped and invented messages are never taken for answers", async () => {
  const flip = (bytes: Uint8Array, at: number) => {
    const changed = Buffer.from(bytes);
    changed[at < 0 ? changed.length + at : at]! ^= 1;
    return changed;
  };
  let earlier: Uint8Array | undefined;
  const harms: Record<string, NonNullable<typeof between.harm>> = {
    "a changed job": (subject, message, deliver) => deliver(subject, flip(message, -1)),
    "a changed id": (subject, message, deliver) => deliver(subject, flip(message, 1)),
    "a later expiry": (subject, message, deliver) => deliver(subject, flip(message, 27)),
    "another model": (subject, message, deliver) => deliver(subject, flip(message, 35)),
    "another party": (subject, message, deliver) => deliver(subject.replace(/\d\.job$/, "2.job"), message),
    "a changed answer": async (subject, message, deliver) => flip(await deliver(subject, message), -1),
    "no answer": async () => new Uint8Array(),
    garbage: async () => Buffer.alloc(200, 1),
    "a sealed answer of nobody": async () => Buffer.concat([Uint8Array.of(1, 0), Buffer.alloc(300, 7)]),
    "the answer to another job": async (subject, message, deliver) => {
      const answer = await deliver(subject, message);
      const other = earlier ?? Buffer.alloc(100);
      earlier = answer;
      return other;
    },
    "another group": (subject, message, deliver) => {
      const [one, two] = groups.map(({ invited }) => groupId(invited.parties)) as [string, string];
      return deliver(subject.includes(one) ? subject.replace(one, two) : subject.replace(two, one), message);
    },
  };
  for (const [name, harm] of Object.entries(harms)) {
    const only = /\.0\.job$/;
    await under(
      (subject, message, deliver) => (only.test(subject) ? harm(subject, message, deliver) : deliver(subject, message)),
      async (model) => {
        await assert.rejects(model.predict(input(1)), (error: Error) => error instanceof UnavailableError, name);
      },
      { retries: 1 },
    );
  }
});

test("a model that the broker cannot carry is not offered, and asking it is a final error before anything is counted", async (t) => {
  class Small extends EmbeddedBroker {
    override largest = Number.POSITIVE_INFINITY;
  }
  const broker = new Small();
  const around = hostile(broker);
  const warned: unknown[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (message: string) => void warned.push(message) };
  const group = await servedGroup({ broker: () => broker, queries: 1, log });
  t.after(() => group.cluster.close());
  const model = await ScaledModel.connect({
    ...{ broker: around, invitation: invitation([group]), retries: 20 },
    sharing: () => ({ split, combine }),
  });
  t.after(() => model.close());
  broker.largest = 220;
  while ((await broker.request(offerSubject("linear"), new Uint8Array(), 5000).catch(() => "nobody")) !== "nobody")
    await pause(20);
  assert.ok(warned.includes("model not offered"));
  around.harm = async (subject, message, deliver) =>
    subject.includes(".offer.") ? Buffer.from(groupId(group.invited.parties)) : deliver(subject, message);
  await assert.rejects(
    model.predict(input(1)),
    (error: Error) => error instanceof InputError && /longer/.test(error.message),
  );
  // Facts that are too long are no silence, either.
  const again = ScaledModel.connect({
    ...{ broker: around, invitation: invitation([group]), retries: 20 },
    sharing: () => ({ split, combine }),
  });
  await assert.rejects(again, (error: Error) => error instanceof InputError && /longer/.test(error.message));
  broker.largest = Number.POSITIVE_INFINITY;
  // The only one that the policy allows.
  await check(model, 1);
});

test("jobs that nobody sealed for this party make no lines in its log, but counts", async (t) => {
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const broker = new EmbeddedBroker();
  const log = { debug() {}, info: line, warn: line, error: line };
  const group = await servedGroup({ broker: () => broker, log });
  t.after(() => group.cluster.close());
  const subject = jobSubject({ group: groupId(group.invited.parties), party: 1 });
  lines.length = 0;
  const started = Date.now();
  for (let i = 0; i < 500; i++) await broker.request(subject, new Uint8Array(34), 5000);
  const seconds = 1 + Math.floor((Date.now() - started) / 1000);
  assert.ok(lines.length <= 3 * seconds, `${lines.length} lines`);
  const metrics = group.cluster.daemons[1]!.party.gate.page("/metrics", true)!.body;
  assert.match(metrics, /queries_denied_total\{model="",reason="malformed"\} 500\n/);
});

test("jobs without a right token, or without a query, are not remembered: nobody fills a key's memory with them", async () => {
  const place = { group: groupId(groups[0]!.invited.parties), party: 1 };
  const certified = await embedded.request(keySubject(place), new Uint8Array(), 5000);
  const { publicKey } = checkSealingKey(certified, groups[0]!.invited.parties[1]!, place, Date.now());
  const twice = async (token: string, query: Uint8Array | undefined) => {
    const facts = { id: secureRandom(16), model: "linear", expires: Date.now() + 60_000 };
    const hello = encodeHello({ model: "linear", credential: await credentialOf(token, 1) });
    const { message } = seal(publicKey, contextOf(facts, place), encodeQuestion(hello, query));
    const job = encodeJob({ ...facts, keyStart: keyStartOf(publicKey), sealed: message });
    await embedded.request(jobSubject(place), job, 5000);
    const again = decodeAnswer(await embedded.request(jobSubject(place), job, 5000));
    return typeof again === "string" ? again : "opened";
  };
  const query = encodeQuery({ id: secureRandom(16), part: new Uint8Array(3) });
  assert.equal(await twice("guess", query), "opened");
  assert.equal(await twice(groups[0]!.other, undefined), "opened");
  assert.equal(await twice(groups[0]!.other, query), "repeated");
});

test("keys that the broker invents are refused before anything is sealed", async () => {
  between.harm = async (subject, message, deliver) => {
    if (!subject.endsWith(".1.key")) return deliver(subject, message);
    return deliver(subject.replace(".1.key", ".2.key"), message);
  };
  try {
    between.seen.length = 0;
    await assert.rejects(connect(), HandshakeError);
    assert.ok(!between.seen.some((bytes) => jobs.test(Buffer.from(bytes).toString())));
  } finally {
    between.harm = undefined;
  }
});

test("offers of groups that the invitation does not name are no groups", async () => {
  between.harm = async (subject, message, deliver) =>
    subject.includes(".offer.") ? Buffer.from("0".repeat(32)) : deliver(subject, message);
  try {
    await assert.rejects(connect({ retries: 0 }), UnavailableError);
  } finally {
    between.harm = undefined;
  }
});

test("a group that ends under load takes no query with it; alone it is asked again when it is back", async () => {
  const doomed = await servedGroup({ broker: () => embedded });
  const model = await connect({}, invitation([groups[0]!, groups[1]!, doomed]));
  let done = 0;
  const load = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; i < 12; i++) {
      await check(model, 100 * client + i);
      if (++done === 24) await doomed.cluster.daemons[2]!.close();
    }
  });
  await Promise.all(load);
  assert.equal(done, 96);
  await model.close();
  await doomed.cluster.close();
});

test("a party that restarts has another key: jobs sealed with the old one are asked again", async () => {
  const model = await connect({ retries: 100 }, invitation([groups[1]!]));
  await check(model, 1);
  const { cluster } = groups[1]!;
  await cluster.daemons[1]!.close();
  await cluster.start(1);
  await check(model, 2);
  await model.close();
});
