import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameError, InputError, PolicyError } from "../../src/errors.js";
import { checkCluster, parseCluster } from "../../src/party/cluster.js";
import { decodeMessages, encodeMessages } from "../../src/party/control.js";
import { Inbox } from "../../src/party/inbox.js";
import { CommonPieces } from "../../src/party/pieces.js";
import { checkBatch, permutation, RowOrder } from "../../src/party/rows.js";
import { RunSet } from "../../src/party/run-set.js";
import { rep3 } from "../../src/protocol/index.js";
import { Prg, secureRandom } from "../../src/random/index.js";

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
