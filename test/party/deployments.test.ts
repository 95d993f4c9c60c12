/** The book of served models at one party: what survives, what the parties settle on after a crash, what is counted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { NameError, PolicyError } from "../../src/errors.js";
import { standardLimits } from "../../src/party/limits.js";
import { silent } from "../../src/party/logger.js";
import { MemoryJournal } from "../../src/party/memory-stores.js";
import { Plans } from "../../src/party/plans.js";
import { byName, planName } from "../../src/party/schemas.js";
import {
  allowance,
  checkAllowance,
  checkDeployment,
  type DeploymentDescription,
} from "../../src/party/serving/deployment.js";
import {
  Deployments,
  deploymentStates,
  type ServingRecord,
  servingRecord,
} from "../../src/party/serving/deployments.js";
import { Recorder } from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";

const plans = () => new Plans(rep3, standardLimits, Date.now);
function plan(rows: number, change: (b: Recorder, x: ReturnType<Recorder["node"]>) => void = reveal()) {
  const b = new Recorder({ fraction: 16 });
  change(b, b.node("input", [], { slot: "x", shape: [rows, 2], scale: 16, bound: 31 }));
  return plans().load(b.close().bytes);
}
function reveal(attrs: Record<string, unknown> = {}) {
  return (b: Recorder, x: ReturnType<Recorder["node"]>) => {
    b.node("reveal", [x], { label: "y", release: "open", recipients: ["clients.net"], ...attrs });
  };
}
/** The usual reveal, and something more. */
function and(more: (b: Recorder, x: ReturnType<Recorder["node"]>) => unknown) {
  return (b: Recorder, x: ReturnType<Recorder["node"]>) => {
    reveal()(b, x);
    more(b, x);
  };
}
const known = new Map([1, 2].map((rows) => [rows, plan(rows)]));
const client = (name: string, queries?: number) => ({
  name,
  hashes: Array<string>(3).fill("0".repeat(64)),
  ...(queries === undefined ? {} : { queries }),
});
const description: DeploymentDescription = {
  ...{ name: "net", fraction: 16, input: [2], output: { shape: [2], scale: 16, bits: 64 } },
  batches: [...known].map(([rows, { digest }]) => ({ rows, digest })),
  policy: { reveal: "scores", queries: 5, clients: [client("a", 2), client("b")] },
};
function book(journal = new MemoryJournal<ServingRecord>()) {
  return { journal, deployments: new Deployments(journal, plans()) };
}
function live() {
  const made = book();
  made.deployments.prepare(7, "driver", description, known);
  made.deployments.publish(7);
  return { ...made, deployment: made.deployments.live("net")! };
}

test("what is deployed is there after a restart, plans and counts included; what was prepared only is not served", () => {
  const { journal, deployments, deployment } = live();
  deployments.spend({ deployment, clients: ["a", "b", "b"] });
  deployments.refund({ deployment, clients: ["b"] });
  const again = book(journal).deployments.live("net")!;
  assert.deepEqual(again.description, description);
  assert.deepEqual(
    [...again.plans].map(([rows, { digest }]) => [rows, digest]),
    [...known].map(([rows, { digest }]) => [rows, digest]),
  );
  assert.deepEqual([again.used.of("a"), again.used.of("b"), again.used.total], [1, 1, 2]);
  deployments.remove(7);
  assert.equal(book(journal).deployments.live("net"), undefined);

  const prepared = book();
  prepared.deployments.prepare(8, "driver", description, known);
  const restarted = book(prepared.journal).deployments;
  assert.equal(restarted.live("net"), undefined);
  assert.throws(() => restarted.checkName("net"), NameError);
});

test("after a crash parties settle: served by one and held by all is served, everything else goes; the highest counts hold", () => {
  const one = live();
  one.deployments.spend({ deployment: one.deployment, clients: ["a"] });
  const two = book();
  two.deployments.prepare(7, "driver", description, known);
  two.deployments.settle([one.deployments.states()], silent);
  assert.equal(two.deployments.live("net")!.used.of("a"), 1);
  // Nobody has served it: the driver was told of a failure.
  const [a, b] = [book(), book()];
  for (const { deployments } of [a, b]) deployments.prepare(9, "driver", description, known);
  a.deployments.settle([b.deployments.states()], silent);
  assert.equal(a.deployments.live("net"), undefined);
  a.deployments.checkName("net");
  // One has lost it, or has another of that name.
  const lonely = live();
  lonely.deployments.settle([{}], silent);
  assert.equal(lonely.deployments.live("net"), undefined);
  const other = live();
  const theirs = other.deployments.states();
  other.deployments.settle([{ net: { ...theirs.net!, version: 6 } }], silent);
  assert.equal(other.deployments.live("net"), undefined);
});

test("no more is counted than the policy allows, in all and for each client", () => {
  const { deployment, deployments } = live();
  const check = (...clients: string[]) => checkAllowance({ deployment, clients });
  check("a", "a", "b", "b", "b");
  assert.throws(() => check("a", "a", "a"), PolicyError);
  assert.throws(() => check("b", "b", "b", "b", "b", "b"), PolicyError);
  deployments.spend({ deployment, clients: ["a", "b", "b", "b"] });
  assert.deepEqual(
    [allowance(deployment, "a"), allowance(deployment, "b"), allowance(deployment, "nobody")],
    [1, 1, 0],
  );
  deployments.spend({ deployment, clients: ["b"] });
  assert.deepEqual([allowance(deployment, "a"), allowance(deployment, "b")], [0, 0]);
  assert.throws(() => check("a"), PolicyError);
});

test("thousands of counts do not make the journal grow without end", () => {
  const { journal, deployments, deployment } = live();
  for (let i = 0; i < 25_000; i++) {
    deployments.spend({ deployment, clients: ["b"] });
    deployments.refund({ deployment, clients: ["b"] });
  }
  assert.ok(journal.length < 11_000, String(journal.length));
  deployments.spend({ deployment, clients: ["b"] });
  assert.equal(book(journal).deployments.live("net")!.used.of("b"), 1);
});

test("a plan that is not what the description says is not served", () => {
  const check = (change: Partial<DeploymentDescription>, other?: ReturnType<typeof plan>) =>
    checkDeployment({ ...description, ...change }, other ? new Map([...known, [2, other]]) : known, rep3);
  check({});
  const { policy } = description;
  const wrong: [Partial<DeploymentDescription>, RegExp][] = [
    [{ fraction: 20 }, /20 fraction bits/],
    [{ input: [3] }, /an input of shape/],
    [{ output: { shape: [3], scale: 16, bits: 64 } }, /an output of shape/],
    [{ output: { shape: [2], scale: 16, bits: 32 } }, /words of 32 bits/],
    [{ policy: { ...policy, reveal: "class" } }, /one whole number/],
    [{ policy: { ...policy, clients: [client("a"), client("a")] } }, /each client once/],
    [{ policy: { ...policy, clients: [{ ...client("a"), hashes: ["0".repeat(64)] }] } }, /3 hashes/],
    [{ classes: ["one"] }, /class names/],
    [{ batches: [...description.batches].reverse() }, /ascending/],
  ];
  for (const [change, message] of wrong) assert.throws(() => check(change), message, JSON.stringify(change));
  const others: [string, ReturnType<typeof plan>, RegExp][] = [
    ["to somebody else", plan(2, reveal({ recipients: ["driver"] })), /reveal y to clients\.net/],
    ["to one more", plan(2, reveal({ recipients: ["clients.net", "driver"] })), /reveal y to clients\.net/],
    [
      "stored",
      plan(
        2,
        and((b, x) => b.node("assign", [x], { name: "stolen" })),
      ),
      /assignments/,
    ],
    ["twice", plan(2, and(reveal({ label: "z" }))), /nothing else/],
    ["rows that change places", plan(2, (b, x) => reveal()(b, b.node("flip", [x], { axes: [0] }))), /its own row/],
    [
      "rows that mix",
      plan(2, (b, x) => reveal()(b, b.node("add", [x, b.node("flip", [x], { axes: [0] })]))),
      /its own row/,
    ],
    [
      "rows that become columns",
      plan(2, (b, x) => reveal()(b, b.node("transpose", [x], { axes: [1, 0] }))),
      /its own row/,
    ],
  ];
  for (const [what, other, message] of others) assert.throws(() => check({}, other), message, what);
});

test("names that objects inherit are names like others: their counts are read back, and their models agreed on", () => {
  const names = ["constructor", "prototype", "hasOwnProperty", "shop"];
  const used = Object.fromEntries(names.map((name, i) => [name, i + 1]));
  const journal = new MemoryJournal<ServingRecord>();
  const { deployments } = book(journal);
  const clients = names.map((name) => client(name, 9));
  deployments.prepare(
    7,
    "driver",
    { ...description, name: "constructor", policy: { reveal: "scores", clients } },
    known,
  );
  deployments.publish(7);
  const asked = names.flatMap((name, i) => Array<string>(i + 1).fill(name));
  deployments.spend({ deployment: deployments.live("constructor")!, clients: asked });
  // As they are read from a disk, and from a peer.
  const read = [...journal.records()].map((record) => v.parse(servingRecord, JSON.parse(JSON.stringify(record))));
  const states = v.parse(deploymentStates, JSON.parse(JSON.stringify(deployments.states())));
  assert.deepEqual(states.constructor, { ...deployments.states().constructor!, used });
  const again = new MemoryJournal<ServingRecord>();
  for (const record of read) again.append(record);
  assert.deepEqual(book(again).deployments.live("constructor")!.used.toJSON(), used);
  // A party that has no counts learns them from its peers.
  const behind = new MemoryJournal<ServingRecord>();
  for (const record of read) if (record.type !== "used") behind.append(record);
  const other = book(behind).deployments;
  other.settle([states, states], silent);
  assert.deepEqual(other.live("constructor")!.used.toJSON(), used);
});

test("objects by name: neither other names nor other values, no lists, not too many, and no prototype", () => {
  const schema = byName(planName, v.number(), 3);
  const read = (text: string) => v.safeParse(schema, JSON.parse(text));
  const odd = read('{"__proto__": 1, "constructor": 2, "a": 3}');
  assert.ok(odd.success);
  assert.deepEqual(Object.entries(odd.output), [
    ["__proto__", 1],
    ["constructor", 2],
    ["a", 3],
  ]);
  assert.equal(Object.getPrototypeOf(odd.output), Object.prototype);
  for (const text of [
    '{"a b": 1}',
    '{"a": "1"}',
    '{"__proto__": {}}',
    '{"a":1,"b":1,"c":1,"d":1}',
    "[]",
    "[1]",
    "null",
    "1",
  ])
    assert.ok(!read(text).success, text);
});
