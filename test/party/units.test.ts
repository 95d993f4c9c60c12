import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameError, InputError, PolicyError } from "../../src/errors.js";
import { add } from "../../src/ops/build.js";
import { Admission } from "../../src/party/admission.js";
import { checkCluster, parseCluster } from "../../src/party/cluster.js";
import { decodeMessages, encodeMessages } from "../../src/party/control.js";
import type { Core } from "../../src/party/core.js";
import { Inbox } from "../../src/party/inbox.js";
import { standardLimits } from "../../src/party/limits.js";
import { CommonPieces } from "../../src/party/pieces.js";
import { Plans } from "../../src/party/plans.js";
import type { Request } from "../../src/party/requests.js";
import { checkBatch, permutation, RowOrder } from "../../src/party/rows.js";
import { RunSet } from "../../src/party/run-set.js";
import { rep3 } from "../../src/protocol/index.js";
import { Prg, secureRandom } from "../../src/random/index.js";
import { assign, fraction, plan, variable } from "./plans.js";

describe("row order", () => {
  const request = { dataset: "a/b", batch: 8, stride: 8, shuffle: true, epoch: 0, position: 0 };

  it("walks through every row once in an epoch", () => {
    const order = new RowOrder(secureRandom(16));
    const seen = new Set<number>();
    for (let position = 0; position < 100; position += 8) {
      const batch = Math.min(8, 100 - position);
      for (const row of order.rows({ ...request, batch, position }, 100)) seen.add(row);
    }
    assert.equal(seen.size, 100);
  });

  it("is a function of coin, rows, batch size and epoch", () => {
    const coin = secureRandom(16);
    const rows = (epoch: number, stride = 8, key = coin) => [
      ...new RowOrder(key).rows({ ...request, epoch, stride, batch: stride }, 1000),
    ];
    assert.deepEqual(rows(3), rows(3));
    assert.notDeepEqual(rows(3), rows(4));
    assert.notDeepEqual(rows(3), rows(3, 7).concat(0));
    assert.notDeepEqual(rows(3), rows(3, 8, secureRandom(16)));
    // A smaller batch size gives unrelated rows, not the same ones but one.
    const common = rows(3, 64).filter((row) => rows(3, 63).includes(row)).length;
    assert.ok(common < 30, `${common}`);
  });

  it("draws every permutation of 4 equally often", () => {
    const counts = new Map<string, number>();
    const stream = new Prg(new Uint8Array(16)).stream({ run: 0, node: 0, chunk: 0 });
    const times = 12_000;
    for (let i = 0; i < times; i++) {
      const text = permutation(stream, 4).join();
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    assert.equal(counts.size, 24);
    const expected = times / 24;
    const chi2 = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    assert.ok(chi2 < 60, `${chi2}`); // 23 degrees of freedom: p < 5e-5
  });

  it("refuses batches that are not pieces of an epoch", () => {
    for (const change of [
      { position: 4 },
      { position: -8 },
      { position: 104 },
      { position: 96 },
      { batch: 7 },
      { stride: 0 },
      { epoch: -1 },
      { position: 0.5 },
      { stride: 4 },
    ])
      assert.throws(() => checkBatch({ ...request, ...change }, 100), PolicyError);
    checkBatch({ ...request, position: 96, batch: 4 }, 100);
  });
});

describe("run set", () => {
  it("behaves as a set", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), fc.nat(5))), fc.array(fc.nat(60)), (ranges, others) => {
        const [set, other] = [new RunSet(), new RunSet()];
        const [plain, plainOther] = [new Set<number>(), new Set<number>()];
        for (const [first, length] of ranges) {
          const fresh = Array.from({ length: length + 1 }, (_, i) => first + i);
          const news = fresh.some((run) => !plain.has(run));
          for (const run of fresh) plain.add(run);
          assert.equal(set.addAll([[first, first + length]]), news);
        }
        for (const run of others) {
          other.add(run);
          plainOther.add(run);
        }
        assert.equal(set.size, plain.size);
        for (let run = 0; run < 70; run++) assert.equal(set.has(run), plain.has(run));
        assert.equal(set.common(other), [...plain].filter((run) => plainOther.has(run)).length);
        const copy = new RunSet();
        copy.addAll(set.ranges);
        assert.deepEqual(copy.ranges, set.ranges);
      }),
    );
  });

  it("loses nothing to a range that ends before it begins", () => {
    const set = new RunSet();
    set.addAll([[1, 5]]);
    assert.equal(set.addAll([[6, 1]]), false);
    assert.deepEqual(set.ranges, [[1, 5]]);
    assert.equal(set.size, 5);
  });
});

describe("inbox", () => {
  it("is bounded and forgets", () => {
    let now = 0;
    const inbox = new Inbox(() => now, { bytesPerRecipient: 100, entriesPerRecipient: 3, keepMs: 10 });
    const delivery = { run: 1, label: "y", bytes: new Uint8Array(40) };
    inbox.put("bob", delivery);
    inbox.put("bob", delivery);
    assert.throws(() => inbox.checkSpace("bob", 1, 40), PolicyError);
    assert.throws(() => inbox.checkSpace("bob", 2, 4), PolicyError);
    inbox.checkSpace("alice", 1, 40);
    assert.equal(inbox.take("bob", 50).length, 1);
    assert.equal(inbox.take("bob").length, 1);
    assert.equal(inbox.take("bob").length, 0);
    inbox.put("bob", delivery);
    now = 11;
    assert.equal(inbox.take("bob").length, 0);
  });
});

describe("cluster file", () => {
  const pin = (i: number) => i.toString(16).padStart(64, "0");
  const good = {
    protocol: "rep3",
    parties: [0, 1, 2].map((i) => ({ name: `p${i}`, host: "127.0.0.1", port: 4000 + i, pin: pin(i) })),
    users: [{ name: "alice", role: "owner", pin: pin(9) }],
  };
  it("is strict", () => {
    assert.equal(checkCluster(good).timeoutMs, 30_000);
    assert.throws(() => parseCluster("{"), InputError);
    const bad: object[] = [
      { ...good, extra: 1 },
      { ...good, parties: [] },
      { ...good, parties: [...good.parties, good.parties[0]] },
      { ...good, users: [{ name: "p0", role: "owner", pin: pin(9) }] },
      { ...good, users: [{ name: "alice", role: "owner", pin: pin(1) }] },
      { ...good, users: [{ name: "alice", role: "root", pin: pin(9) }] },
      { ...good, users: [{ name: "../alice", role: "owner", pin: pin(9) }] },
      { ...good, timeoutMs: 0 },
    ];
    for (const each of bad) assert.throws(() => parseCluster(JSON.stringify(each)), InputError);
  });
});

describe("control messages", () => {
  it("survive the trip, and nothing else does", () => {
    const message = { type: "done", run: 7 } as const;
    assert.deepEqual(decodeMessages(encodeMessages([message]), "p1"), [message]);
    for (const text of [
      "",
      "7",
      '{"type":"done"}',
      '{"type":"done","run":1,"x":1}',
      '{"type":"off"}',
      '{"type":"done","run":-1}',
    ])
      assert.throws(() => decodeMessages(Buffer.from(text), "p1"), FrameError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.throws(() => decodeMessages(bytes, "p1"), FrameError);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.throws(() => decodeMessages(Buffer.from(text), "p1"), FrameError);
      }),
    );
  });
});

describe("lists in control messages", () => {
  const sync = { type: "sync", nextRun: 1, versions: [], checkpoints: [], datasets: {}, deployments: {}, grants: [] };
  const uploaded = { state: "published", digest: "0".repeat(64) };
  const run = { type: "done", run: 1 };
  const id = "0".repeat(32);
  const read = (...messages: object[]) => decodeMessages(Buffer.from(JSON.stringify(messages)), "p1");
  const list = <T>(length: number, item: T) => Array.from({ length }, () => item);

  it("have a greatest length", () => {
    read(...list(1000, run));
    read({ ...sync, versions: list(100_000, 1) });
    const names = list(100_001, 0).map((_, i) => [`alice/${i}`, uploaded]);
    const propose = { type: "propose", run: 1, request: id, kind: "plan", args: "0".repeat(64) };
    const served = { version: 1, digest: "0".repeat(64), live: true, used: {} };
    const batch = { type: "batch", request: id, model: "net", version: 1, rows: 1, queries: [id], clients: ["a"] };
    read(batch, { ...sync, deployments: { net: served } });
    const uses = { id, revoked: false, spent: [], refunded: [] };
    for (const messages of [
      list(1001, run),
      [{ ...sync, versions: list(100_001, 1) }],
      [{ ...sync, checkpoints: list(100_001, 1) }],
      [{ ...sync, datasets: Object.fromEntries(names) }],
      [{ ...sync, grants: [{ ...uses, spent: list(1_000_001, [1, 1]) }] }],
      [{ ...sync, grants: [{ ...uses, refunded: list(1_000_001, [1, 1]) }] }],
      [{ ...sync, deployments: Object.fromEntries(list(1001, 0).map((_, i) => [`net${i}`, served])) }],
      [
        {
          ...sync,
          deployments: { net: { ...served, used: Object.fromEntries(list(10_001, 0).map((_, i) => [`c${i}`, 1])) } },
        },
      ],
      [{ ...batch, queries: list(1025, id) }],
      [{ ...propose, grants: list(1001, id) }],
    ])
      assert.throws(() => read(...messages), FrameError);
  });
});

describe("admission", () => {
  it("does not look up more sources than values of a network have", () => {
    const variables = Array.from({ length: 100 }, (_, i) => `v${i}`);
    const sources = Array.from({ length: 1000 }, (_, i) => `dataset:alice/${i}`);
    const meta = { shape: [1], scale: fraction, bound: fraction + 15, sources, writer: "driver", run: 1 };
    const plans = new Plans(rep3, standardLimits, () => 0);
    const all = plan((b) => {
      let x = variable(b, "v0", 1);
      for (const name of variables) x = add(b, x, variable(b, name, 1));
      for (let i = 0; i < 30; i++) assign(b, `w${i}`, x);
    });
    const catalogue = new Map(variables.map((name) => [name, meta]));
    const core = { limits: standardLimits, variables: { catalogue }, grants: {} };
    const admission = new Admission(core as unknown as Core);
    const request = { caller: "driver", plan: plans.put("driver", all.bytes), scalars: new Map(), names: [] };
    assert.throws(() => admission.choose(request as unknown as Request), /PolicyError.*at most 2000000 sources/);
  });
});

describe("common pieces", () => {
  it("are equal at both ends, and only there", () => {
    const ends = [0, 1, 2].map((self) => new CommonPieces(rep3, self));
    const seeds = rep3.sharing.freshSeeds().byParty;
    const key = secureRandom(32);
    const correction = secureRandom(32);
    const pieces = (party: number) => ({
      seeds: seeds[party]!,
      correction: rep3.sharing.keepsCorrection[party] ? correction : undefined,
    });
    const tag = (from: number, to: number, label = "l", own = pieces(from)) => ends[from]!.tag(to, key, label, [own]);
    for (const [i, j] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      assert.equal(tag(i, j), tag(j, i));
      assert.notEqual(tag(i, j), tag(j, i, "m"));
    }
    const other = { ...pieces(1), seeds: [secureRandom(16)] };
    assert.notEqual(tag(1, 0, "l", other), tag(0, 1));
    assert.notEqual(tag(1, 2, "l", { ...pieces(1), correction: secureRandom(32) }), tag(2, 1));
    // What a party does not share with a peer does not show in the tag for it.
    assert.equal(tag(1, 2, "l", other), tag(2, 1));
  });
});
