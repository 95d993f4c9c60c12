// The mesh over memory: rounds, early frames, every kind of misbehaviour, time-outs and the end of a session.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundError, FrameError, PeerLostError, SessionEndedError } from "../../src/errors.js";
import { encodeFrame, HEADER_BYTES } from "../../src/net/frame.js";
import { localSecrets } from "../../src/net/handshake.js";
import {
  type Connection,
  createMemoryMeshes,
  FrameKind,
  type FrameToSend,
  type Mesh,
  memoryLinks,
} from "../../src/net/index.js";
import { LinkedMesh } from "../../src/net/linked-mesh.js";
import { FrameConnection } from "../../src/net/transport.js";
import { endAll, exchange, frame, NAMES, sleep, turns } from "./helpers.js";

const MiB = 2 ** 20;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("three parties exchange in a ring, several runs at once", async () => {
  const meshes = createMemoryMeshes(NAMES);
  const ring = async (mesh: Mesh, run: number, rounds: number) => {
    mesh.openRun(run, 3 * rounds);
    const [next, previous] = [(mesh.self + 1) % 3, (mesh.self + 2) % 3];
    for (let round = 0; round < rounds; round++) {
      const got = await exchange(
        mesh,
        run,
        round,
        { [next]: [bytes(mesh.self), bytes(run, round)] },
        { [previous]: 3 },
      );
      assert.deepEqual(got, { [previous]: bytes(previous, run, round) });
    }
    mesh.closeRun(run);
  };
  await Promise.all(meshes.flatMap((mesh) => [ring(mesh, 1, 20), ring(mesh, 2, 7), ring(mesh, 5, 1)]));
  const { rounds, frames, wireBytes, peers } = meshes[0]!.stats();
  assert.equal(rounds, 28);
  assert.equal(frames, 28);
  assert.equal(wireBytes, 2 * 28 * (32 + 3));
  assert.deepEqual(
    peers.map(({ sentPayloadBytes }) => sentPayloadBytes),
    [0, 84, 0],
  );
  assert.deepEqual(
    peers.map(({ receivedPayloadBytes }) => receivedPayloadBytes),
    [0, 0, 84],
  );
  endAll(meshes);
});

test("keys agree at both ends, coins at all, and differ by pair, label and session", () => {
  const meshes = createMemoryMeshes(NAMES);
  const [alice, bob, carol] = meshes as [Mesh, Mesh, Mesh];
  const hex = (key: Uint8Array) => Buffer.from(key).toString("hex");
  assert.equal(hex(alice.pairKey(1, "mask")), hex(bob.pairKey(0, "mask")));
  assert.equal(hex(carol.pairKey(1, "mask")), hex(bob.pairKey(2, "mask")));
  assert.equal(hex(alice.coinKey("rows")), hex(carol.coinKey("rows")));
  const [other] = createMemoryMeshes(NAMES);
  const keys = [
    alice.pairKey(1, "mask"),
    alice.pairKey(2, "mask"),
    bob.pairKey(2, "mask"),
    alice.pairKey(1, "other"),
    alice.coinKey("mask"),
    other!.pairKey(1, "mask"),
    other!.coinKey("mask"),
  ].map(hex);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(alice.pairKey(1, "mask", 32).length, 32);
  assert.throws(() => alice.pairKey(0, "mask"), BoundError);
  assert.throws(() => alice.pairKey(3, "mask"), BoundError);
  // One party's end erases its own secrets only.
  const before = [bob.pairKey(0, "mask"), bob.coinKey("rows")].map(hex);
  alice.end(new Error("over"));
  assert.deepEqual([bob.pairKey(0, "mask"), bob.coinKey("rows")].map(hex), before);
  endAll(meshes);
  assert.throws(() => alice.pairKey(1, "mask"), SessionEndedError);
  other!.end(new Error("over"));
});

test("a peer may be ahead: rounds and runs that come early wait", async () => {
  const meshes = createMemoryMeshes(["alice", "bob"]);
  const [alice, bob] = meshes as [Mesh, Mesh];
  alice.openRun(1, 0);
  alice.openRun(2, 0);
  for (let round = 0; round < 50; round++) await exchange(alice, 1, round, { 1: bytes(round) }, {});
  await exchange(alice, 2, 0, { 1: bytes(99) }, {});
  await turns();
  bob.openRun(1, 50);
  for (let round = 0; round < 50; round++)
    assert.deepEqual(await exchange(bob, 1, round, {}, { 0: 1 }), { 0: bytes(round) });
  bob.closeRun(1);
  bob.openRun(2, 1);
  assert.deepEqual(await exchange(bob, 2, 0, {}, { 0: 1 }), { 0: bytes(99) });
  endAll(meshes);
});

test("done comes after exchange has returned, and a long chain of early rounds does not recurse", async () => {
  const meshes = createMemoryMeshes(["alice", "bob"]);
  const [alice, bob] = meshes as [Mesh, Mesh];
  const rounds = 20_000;
  alice.openRun(1, 0);
  const sending = new Promise<void>((resolve) => {
    const step = (round: number) =>
      round === rounds ? resolve() : alice.exchange(1, round, [{ peer: 1, parts: [] }], [], () => step(round + 1));
    step(0);
  });
  await sending;
  await turns();
  bob.openRun(1, 0);
  await new Promise<void>((resolve, reject) => {
    let inside = false;
    const step = (round: number, error?: Error): void => {
      if (error || inside || round === rounds) {
        if (error || inside) reject(error ?? new Error("done before exchange returned"));
        else resolve();
        return;
      }
      inside = true;
      bob.exchange(1, round, [], [{ peer: 0, bytes: 0, deliver: () => {} }], (problem) => step(round + 1, problem));
      inside = false;
    };
    step(0);
  });
  endAll(meshes);
});

test("mistakes of our own are thrown at once and leave the session alone", async () => {
  const meshes = createMemoryMeshes(NAMES);
  const [alice] = meshes as [Mesh];
  const done = () => assert.fail("not started");
  assert.throws(() => alice.exchange(1, 0, [], [], done), BoundError);
  alice.openRun(3, 10);
  for (const run of [3, 2, -1, 0.5, 2 ** 48]) assert.throws(() => alice.openRun(run, 10), BoundError);
  assert.throws(() => alice.openRun(4, -1), BoundError);
  const incoming = (peer: number) => ({ peer, bytes: 1, deliver: () => {} });
  for (const peer of [-1, 0, 3, 1.5]) {
    assert.throws(() => alice.exchange(3, 0, [{ peer, parts: [] }], [], done), BoundError);
    assert.throws(() => alice.exchange(3, 0, [], [incoming(peer)], done), BoundError);
    assert.throws(() => alice.sendControl(peer, bytes(1)), BoundError);
  }
  assert.throws(() => alice.exchange(3, 0, [], [incoming(1), incoming(1)], done), BoundError);
  for (const round of [-1, 0.5, 2 ** 32]) assert.throws(() => alice.exchange(3, round, [], [], done), BoundError);
  await exchange(alice, 3, 5, {}, {});
  assert.throws(() => alice.exchange(3, 5, [], [], done), BoundError);
  const waiting = exchange(alice, 3, 6, {}, { 1: 1 });
  assert.throws(() => alice.exchange(3, 7, [], [], done), BoundError);
  assert.throws(() => alice.closeRun(3), BoundError);
  assert.throws(() => alice.sendControl(1, new Uint8Array(2 * MiB)), BoundError);
  endAll(meshes);
  await assert.rejects(waiting, /test is over/);
});

/** Alice as a mesh; what bob and carol send is up to the test. */
function attacked(options = {}): { alice: Mesh; id: bigint; bob: Connection; carol: Connection } {
  const links = memoryLinks(NAMES);
  const secrets = localSecrets({ library: "", kernels: "", protocol: "", label: "", names: NAMES });
  const alice = new LinkedMesh(0, NAMES, links[0]!, secrets[0]!, options);
  return { alice, id: secrets[0]!.sessionId, bob: links[1]![0]!, carol: links[2]![0]! };
}

interface Attack {
  readonly name: string;
  readonly frames: readonly Partial<FrameToSend>[];
  readonly message: RegExp;
}

const word = { parts: [new Uint8Array(8)] };
/** Alice has closed run 3 and skipped 4, run 5 is open for 24 bytes, round 1 is over, round 2 awaits 8 bytes from bob. */
const attacks: Attack[] = [
  {
    name: "wrong length",
    frames: [{ run: 5, round: 2, parts: [new Uint8Array(7)] }],
    message: /8 bytes in round 2, got 7/,
  },
  { name: "no payload", frames: [{ run: 5, round: 2 }], message: /8 bytes in round 2, got 0/ },
  { name: "later round", frames: [{ run: 5, round: 3, ...word }], message: /round 2, got round 3/ },
  { name: "repeated round", frames: [{ run: 5, round: 1, ...word }], message: /again or out of order/ },
  {
    name: "frame twice",
    frames: [
      { run: 5, round: 2, ...word },
      { run: 5, round: 2, ...word },
    ],
    message: /again/,
  },
  {
    name: "more than the run may send",
    frames: [
      { run: 5, round: 2, ...word },
      { run: 5, round: 3, ...word },
    ],
    message: /at most 24 bytes in all, got 32/,
  },
  { name: "closed run", frames: [{ run: 3, round: 9, ...word }], message: /is over/ },
  { name: "skipped run", frames: [{ run: 4, round: 0, ...word }], message: /is over/ },
  { name: "other session", frames: [{ run: 5, round: 2, session: 1n, ...word }], message: /this session's id/ },
  { name: "handshake again", frames: [{ kind: FrameKind.hello }], message: /a frame of a session, got kind 2/ },
  { name: "remote call", frames: [{ kind: FrameKind.request }], message: /a frame of a session/ },
  {
    name: "control too long",
    frames: [{ kind: FrameKind.control, parts: [new Uint8Array(MiB + 1)] }],
    message: /at most 1048576/,
  },
  {
    name: "control flood",
    frames: Array.from({ length: 65 }, () => ({ kind: FrameKind.control })),
    message: /64 control messages/,
  },
  {
    name: "control flood of few, long messages",
    frames: Array.from({ length: 3 }, () => ({ kind: FrameKind.control, parts: [new Uint8Array(MiB)] })),
    message: /at most 2097152 bytes of early control messages, got 3145728/,
  },
  { name: "end too long", frames: [{ kind: FrameKind.end, parts: [new Uint8Array(3)] }], message: /at most 2 bytes/ },
  {
    name: "too many runs ahead",
    frames: Array.from({ length: 9 }, (_, i) => ({ run: 6 + i })),
    message: /at most 8 runs ahead/,
  },
  {
    name: "too much ahead",
    frames: [
      { run: 6, parts: [new Uint8Array(2000)] },
      { run: 7, parts: [new Uint8Array(2000)] },
    ],
    message: /at most 4000 bytes ahead/,
  },
];

for (const { name, frames, message } of attacks)
  test(`a peer's mistake ends the session and names the peer: ${name}`, async () => {
    const { alice, id, bob, carol } = attacked({ earlyLimitBytes: 4000 });
    alice.openRun(3, 0);
    alice.closeRun(3);
    alice.openRun(5, 24);
    bob.send(frame({ session: id, run: 5, round: 0, ...word }));
    await exchange(alice, 5, 0, {}, { 1: 8 });
    bob.send(frame({ session: id, run: 5, round: 1, ...word }));
    await exchange(alice, 5, 1, {}, { 1: 8 });
    const toldCarol = new Promise<number>((resolve) => {
      carol.receive({
        limitBytes: 100,
        frame: ({ kind, payload }) => kind === FrameKind.end && resolve(payload[0]!),
        close() {},
      });
    });
    // Bob's second frame of a pair is wrong, so round 2 itself may succeed.
    const waiting = exchange(alice, 5, 2, {}, { 1: 8, 2: 8 });
    for (const sent of frames) bob.send(frame({ session: id, ...sent }));
    const error = await alice.ended;
    assert.ok(error instanceof FrameError, String(error));
    assert.match(error.message, message);
    assert.match(error.message, /from bob/);
    await assert.rejects(waiting, (rejected) => rejected === error);
    assert.equal(await toldCarol, 1);
    await assert.rejects(exchange(alice, 5, 3, {}, {}), (rejected) => rejected === error);
    assert.throws(
      () => alice.openRun(9, 0),
      (thrown) => thrown === error,
    );
    assert.throws(
      () => alice.sendControl(2, bytes(1)),
      (thrown) => thrown === error,
    );
  });

/** A connection whose bytes the test feeds in, in any pieces. */
class Fed extends FrameConnection {
  readonly encrypted = false;
  unsentBytes = 0;
  feed(bytes: Uint8Array): void {
    this.take(bytes);
  }
  protected allocate = (bytes: number): Uint8Array => new Uint8Array(bytes);
  protected write(): void {}
  protected setReading(): void {}
  protected flushAndClose(): void {}
}
/** Alice as a mesh, and a frame of 8 bytes from bob for round 0 of run 1. */
function fed(): { alice: Mesh; bob: Fed; bytes: Uint8Array } {
  const names = ["alice", "bob"];
  const [secrets] = localSecrets({ library: "", kernels: "", protocol: "", label: "", names });
  const bob = new Fed("bob", "party");
  const bytes = new Uint8Array(HEADER_BYTES + 8);
  encodeFrame(frame({ session: secrets!.sessionId, parts: [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)] }), bytes);
  return { alice: new LinkedMesh(0, names, [undefined, bob], secrets!), bob, bytes };
}

test("an awaited payload is delivered while it arrives", async () => {
  const { alice, bob, bytes: sent } = fed();
  alice.openRun(1, 8);
  const got: unknown[] = [];
  const deliver = (piece: Uint8Array, at: number) => void got.push([at, ...piece]);
  alice.exchange(1, 0, [], [{ peer: 1, bytes: 8, deliver }], () => got.push("done"));
  for (const [from, to] of [
    [0, 20],
    [20, 35],
    [35, 36],
    [36, 40],
  ] as const)
    bob.feed(sent.slice(from, to));
  assert.deepEqual(got, [[0, 1, 2, 3], [3, 4], [4, 5, 6, 7, 8], "done"]);
  assert.equal(alice.stats().peers[1]!.receivedPayloadBytes, 8);
  bob.feed(sent);
  assert.match(String(await alice.ended), /again or out of order/);
});

test("an exchange is done when the transport has taken what was sent, or takes no more", async (t) => {
  const { alice, bob, bytes: sent } = fed();
  t.after(() => endAll([alice]));
  alice.openRun(1, 8);
  let done = 0;
  const receive = [{ peer: 1, bytes: 8, deliver() {} }];
  const finished = new Promise<void>((resolve) => {
    alice.exchange(1, 0, [{ peer: 1, parts: [bytes(1)] }], receive, () => {
      done++;
      resolve();
    });
  });
  bob.unsentBytes = 300;
  bob.feed(sent);
  for (const left of [200, 100]) {
    bob.unsentBytes = left;
    await turns(1);
    assert.equal(done, 0, "while it takes some");
  }
  await turns(1);
  assert.equal(done, 1, "after a turn that moved nothing");
  await finished;

  // Ended while it waits for that: the error, once.
  const second = fed();
  second.alice.openRun(1, 8);
  const ends: (Error | undefined)[] = [];
  second.alice.exchange(1, 0, [], receive, (error) => ends.push(error));
  second.bob.unsentBytes = 300;
  second.bob.feed(second.bytes);
  const over = new Error("over");
  second.alice.end(over);
  await turns(3);
  assert.deepEqual(ends, [over]);
});

test("a frame that began before its exchange is delivered whole, and one that is cut off names the peer", async () => {
  const { alice, bob, bytes: sent } = fed();
  bob.feed(sent.slice(0, 34));
  alice.openRun(1, 8);
  const waiting = exchange(alice, 1, 0, {}, { 1: 8 });
  bob.feed(sent.slice(34));
  assert.deepEqual(await waiting, { 1: bytes(1, 2, 3, 4, 5, 6, 7, 8) });
  endAll([alice]);

  const second = fed();
  second.alice.openRun(1, 8);
  let delivered = 0;
  const lost = new Promise<Error | undefined>((resolve) => {
    const deliver = (piece: Uint8Array) => {
      delivered += piece.length;
    };
    second.alice.exchange(1, 0, [], [{ peer: 1, bytes: 8, deliver }], resolve);
  });
  second.bob.feed(second.bytes.slice(0, 34));
  second.bob.close(new PeerLostError("gone", "bob"));
  assert.ok((await lost) instanceof PeerLostError);
  second.bob.feed(second.bytes.slice(34));
  assert.equal(delivered, 2);
});

test("a frame that nobody asked for is noticed when the run closes", async () => {
  const { alice, id, bob } = attacked();
  alice.openRun(1, 100);
  bob.send(frame({ session: id, run: 1, round: 0, ...word }));
  await turns();
  assert.throws(() => alice.closeRun(1), /frame from bob: expected no more frames, got 1/);
  assert.ok((await alice.ended) instanceof FrameError);
});

test("a frame of a run that is skipped here ends the session", async () => {
  const { alice, id, carol } = attacked();
  carol.send(frame({ session: id, run: 1, round: 0, ...word }));
  await turns();
  assert.throws(() => alice.openRun(2, 100), /run 1, frame from carol/);
  assert.ok((await alice.ended) instanceof FrameError);
});

test("what came early must fit the run's limit, and the round that is asked for", async () => {
  const first = attacked();
  first.bob.send(frame({ session: first.id, run: 1, round: 0, ...word }));
  await turns();
  assert.throws(() => first.alice.openRun(1, 7), /frame from bob: expected at most 7 bytes in all, got 8/);
  const second = attacked();
  second.bob.send(frame({ session: second.id, run: 1, round: 1, ...word }));
  await turns();
  second.alice.openRun(1, 8);
  await assert.rejects(exchange(second.alice, 1, 0, {}, { 1: 8 }), /frame from bob: expected round 0, got round 1/);
  const third = attacked();
  third.bob.send(frame({ session: third.id, run: 1, round: 0, ...word }));
  await turns();
  third.alice.openRun(1, 8);
  await assert.rejects(exchange(third.alice, 1, 0, {}, { 1: 7 }), /frame from bob: expected 7 bytes in round 0, got 8/);
});

test("a peer that sends to somebody who does not listen in this round is refused", async () => {
  const { alice, id, bob } = attacked();
  alice.openRun(1, 100);
  const waiting = exchange(alice, 1, 4, {}, { 2: 8 });
  bob.send(frame({ session: id, run: 1, round: 4, ...word }));
  await assert.rejects(waiting, /frame from bob: expected no frame in round 4, got 8 bytes/);
});

test("an error in deliver or done ends the session instead of the process", async () => {
  const meshes = createMemoryMeshes(["alice", "bob"]);
  const [alice, bob] = meshes as [Mesh, Mesh];
  alice.openRun(1, 8);
  bob.openRun(1, 8);
  const failed = new Promise<Error | undefined>((resolve) => {
    const deliver = () => {
      throw new RangeError("in deliver");
    };
    alice.exchange(1, 0, [], [{ peer: 1, bytes: 1, deliver }], resolve);
  });
  // Bob's own exchange is over when alice has his frame, which is too late.
  await assert.rejects(exchange(bob, 1, 0, { 0: bytes(1) }, {}), SessionEndedError);
  assert.match(String(await failed), /RangeError: in deliver/);
  assert.match(String(await bob.ended), /SessionEndedError: .*alice: an error of its own/);
});

test("a lost peer is named at once, in every pending exchange; the others learn it", async () => {
  const meshes = createMemoryMeshes(NAMES, { timeoutMs: 60_000 });
  const [alice, bob, carol] = meshes as [Mesh, Mesh, LinkedMesh];
  for (const mesh of meshes) for (const run of [1, 2]) mesh.openRun(run, 100);
  const waiting = [
    exchange(alice, 1, 0, {}, { 1: 1 }),
    exchange(alice, 2, 0, {}, { 2: 1 }),
    exchange(bob, 1, 0, {}, { 0: 1 }),
  ];
  carol.links[0]!.close();
  const [one, two, three] = await Promise.allSettled(waiting);
  for (const result of [one, two]) {
    assert.ok(result?.status === "rejected" && result.reason instanceof PeerLostError);
    assert.equal(result.reason.peer, "carol");
  }
  assert.ok(three?.status === "rejected" && three.reason instanceof PeerLostError);
  assert.match(three.reason.message, /(alice|carol)/);
  endAll(meshes);
});

test("a silent peer is named after the time-out, the ones that answered are not", async () => {
  const meshes = createMemoryMeshes(NAMES, { timeoutMs: 40 });
  const [alice, bob, carol] = meshes as [Mesh, Mesh, Mesh];
  for (const mesh of meshes) mesh.openRun(1, 100);
  // A first round shows that the timer follows the later deadline.
  const first = exchange(alice, 1, 0, {}, { 1: 1 });
  await sleep(25);
  await exchange(bob, 1, 0, { 0: bytes(1) }, {});
  await first;
  const started = performance.now();
  const waiting = exchange(alice, 1, 1, {}, { 1: 1, 2: 1 });
  await exchange(bob, 1, 1, { 0: bytes(1) }, {});
  await assert.rejects(waiting, (error) => error instanceof PeerLostError && error.peer === "carol");
  assert.ok(performance.now() - started >= 35);
  assert.match(String(await bob.ended), /expected carol to go on, got its loss as alice saw it/);
  assert.ok((await carol.ended) instanceof SessionEndedError);
});

test("ending a session tells the peers, without the text of the error", async () => {
  const meshes = createMemoryMeshes(NAMES);
  const [alice, bob, carol] = meshes as [Mesh, Mesh, Mesh];
  alice.end(new RangeError("a secret 12345"));
  for (const mesh of [bob, carol]) {
    const error = await mesh.ended;
    assert.ok(error instanceof SessionEndedError);
    assert.doesNotMatch(error.message, /12345/);
    assert.match(error.message, /alice: an error of its own/);
  }
  const again = createMemoryMeshes(["alice", "bob"]);
  again[0]!.end(new SessionEndedError("closed by the operator"));
  assert.match((await again[1]!.ended).message, /alice: it closed the session/);
});

test("control messages arrive in order, also those that came before the handler", async () => {
  const meshes = createMemoryMeshes(NAMES);
  const [alice, bob] = meshes as [Mesh, Mesh];
  const got: string[] = [];
  const text = (value: string) => new TextEncoder().encode(value);
  for (let i = 0; i < 10; i++) alice.sendControl(1, text(`${i}`));
  await turns();
  bob.onControl((peer, message) => got.push(`${peer}:${new TextDecoder().decode(message)}`));
  alice.sendControl(1, text("last"));
  await turns();
  assert.deepEqual(got, [...Array.from({ length: 10 }, (_, i) => `0:${i}`), "0:last"]);
  endAll(meshes);
});

test("one party alone is a mesh, too", async () => {
  const [alone] = createMemoryMeshes(["alice"]);
  alone!.openRun(1, 0);
  assert.deepEqual(await exchange(alone!, 1, 0, {}, {}), {});
  alone!.end(new Error("over"));
});
