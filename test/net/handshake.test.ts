// The session handshake over memory: all parties agree, or everybody learns what differs.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameError, HandshakeError, PeerLostError, SecretgradError } from "../../src/errors.js";
import { decodeFields, encodeFields } from "../../src/net/fields.js";
import {
  type Agreement,
  type Connection,
  establishMesh,
  FrameKind,
  type Mesh,
  memoryLinks,
  memoryPair,
} from "../../src/net/index.js";
import { collect, endAll, exchange, frame, NAMES } from "./helpers.js";

const agreement = (self: number, changes: Partial<Agreement> = {}): Agreement => ({
  library: "0.1.0",
  kernels: "abc",
  protocol: "rep3/64",
  label: "test",
  names: NAMES,
  self,
  ...changes,
});

test("three parties agree on id, pair keys and coins", async () => {
  const links = memoryLinks(NAMES);
  const meshes = await Promise.all(links.map((own, self) => establishMesh(own, agreement(self))));
  const [alice, bob, carol] = meshes as [Mesh, Mesh, Mesh];
  assert.equal(alice.sessionId, bob.sessionId);
  assert.equal(alice.sessionId, carol.sessionId);
  assert.deepEqual(alice.pairKey(2, "x"), carol.pairKey(0, "x"));
  assert.deepEqual(bob.pairKey(2, "x"), carol.pairKey(1, "x"));
  assert.notDeepEqual(alice.pairKey(1, "x"), alice.pairKey(2, "x"));
  assert.deepEqual(alice.coinKey("x"), bob.coinKey("x"));
  assert.equal(alice.encrypted, false);
  // A fast party may use the mesh before a slow one has made its own.
  for (const mesh of meshes) mesh.openRun(1, 10);
  const sent = exchange(alice, 1, 0, { 1: Uint8Array.of(1) }, {});
  assert.deepEqual(await exchange(bob, 1, 0, {}, { 0: 1 }), { 0: Uint8Array.of(1) });
  await sent;
  endAll(meshes);
});

for (const [field, what] of [
  ["library", "library version"],
  ["kernels", "kernel hash"],
  ["protocol", "protocol"],
  ["label", "session label"],
] as const)
  test(`different ${what}: every party fails, and the pair names it`, async () => {
    const links = memoryLinks(NAMES);
    const results = await Promise.allSettled(
      links.map((own, self) => establishMesh(own, agreement(self, self === 1 ? { [field]: "other" } : {}))),
    );
    for (const result of results) {
      assert.ok(result.status === "rejected");
      assert.ok(result.reason instanceof HandshakeError, String(result.reason));
      assert.match(result.reason.message, new RegExp(`expected ${what} .*got .*try the same configuration`));
    }
    for (const link of links.flat()) assert.ok(!link || link.closed);
  });

test("a different party list, a wrong connection and a bad own index are refused", async () => {
  const [first, second] = memoryPair("alice", "bob");
  const names = ["alice", "bob"];
  const results = await Promise.allSettled([
    establishMesh([undefined, first], agreement(0, { names })),
    establishMesh([second, undefined], agreement(1, { names: ["alice", "bob", "carol"] })),
  ]);
  assert.match(
    String((results[0] as PromiseRejectedResult).reason),
    /party list "alice,bob", got "alice,bob,carol"|an answer/,
  );
  assert.match(String((results[1] as PromiseRejectedResult).reason), /expected a connection to carol, got none/);
  const [third] = memoryPair("alice", "mallory");
  await assert.rejects(
    establishMesh([undefined, third], agreement(0, { names })),
    /expected a connection to bob, got mallory/,
  );
  await assert.rejects(establishMesh([], agreement(2, { names })), HandshakeError);
  await assert.rejects(establishMesh([], agreement(0, { names: ["alice", "alice"] })), HandshakeError);
  await assert.rejects(establishMesh([], agreement(0, { names: ["alice", "b\nob"] })), HandshakeError);
});

test("a driver's connection cannot be a party", async () => {
  const [own] = memoryPair("alice", "bob", ["party", "driver"]);
  await assert.rejects(establishMesh([undefined, own], agreement(0, { names: ["alice", "bob"] })), HandshakeError);
});

/** Bob by hand: takes alice's hello and answers with a changed copy of it. */
async function forged(change: (fields: Uint8Array[]) => Uint8Array[]): Promise<unknown> {
  const [toBob, bob] = memoryPair("alice", "bob");
  const mesh = establishMesh([undefined, toBob], agreement(0, { names: ["alice", "bob"] }), {
    handshakeTimeoutMs: 500,
  });
  const [hello] = await collect(bob, 1);
  const fields = decodeFields(hello!.payload, "test");
  fields[6] = Uint8Array.of(1);
  bob.send(frame({ kind: FrameKind.hello, session: 0n, run: 0, parts: [encodeFields(change(fields))] }));
  bob.send(frame({ kind: FrameKind.open, session: 0n, run: 0, parts: [new Uint8Array(32)] }));
  return mesh.then(
    () => assert.fail("accepted"),
    (error: unknown) => error,
  );
}

test("a claimed index that is not the certificate's is refused", async () => {
  const error = await forged((fields) => fields.with(6, Uint8Array.of(0)));
  assert.ok(error instanceof HandshakeError);
  assert.match(error.message, /with bob: expected party index 1 for this certificate, got 0/);
});

test("a nonce other than the committed one is refused", async () => {
  const error = await forged((fields) => fields);
  assert.ok(error instanceof HandshakeError);
  assert.match(error.message, /with bob: expected the nonce it committed to/);
});

test("hellos of another layout are refused", async () => {
  for (const change of [
    (fields: Uint8Array[]) => fields.slice(0, 8),
    (fields: Uint8Array[]) => [...fields, new Uint8Array(1)],
    (fields: Uint8Array[]) => fields.with(7, new Uint8Array(31)),
    () => [],
  ])
    assert.ok((await forged(change)) instanceof HandshakeError);
});

/** Sends one frame to alice in place of bob's hello. */
async function garbled(payload: Uint8Array, kind: FrameKind = FrameKind.hello): Promise<unknown> {
  const [toBob, bob] = memoryPair("alice", "bob");
  const mesh = establishMesh([undefined, toBob], agreement(0, { names: ["alice", "bob"] }), {
    handshakeTimeoutMs: 1000,
  });
  bob.send(frame({ kind, session: 0n, run: 0, parts: [payload] }));
  return mesh.then(
    () => assert.fail("accepted"),
    (error: unknown) => error,
  );
}

test("garbage instead of a hello is a named error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (payload) => {
      assert.ok((await garbled(payload)) instanceof SecretgradError);
    }),
    { numRuns: 30 },
  );
  assert.ok((await garbled(new Uint8Array(20_000))) instanceof FrameError);
  assert.match(String(await garbled(new Uint8Array(2), FrameKind.data)), /expected frame kind 2, got 5/);
});

test("a party that tells two peers different nonces is found out", async () => {
  // Carol speaks the protocol, but opens another nonce (with another commitment) to bob than to alice.
  const links = memoryLinks(NAMES);
  const two = memoryLinks(NAMES);
  const honest = [
    establishMesh([undefined, links[0]![1], links[0]![2]], agreement(0)),
    establishMesh([links[1]![0], undefined, two[1]![2]], agreement(1)),
  ];
  // Two carols, each with one real peer; the other peer of each is one more alice or bob that nobody listens to.
  const carols = [
    establishMesh([links[2]![0], links[2]![1], undefined], agreement(2), { handshakeTimeoutMs: 300 }),
    establishMesh([two[2]![0], two[2]![1], undefined], agreement(2), { handshakeTimeoutMs: 300 }),
    establishMesh([undefined, two[0]![1], two[0]![2]], agreement(0), { handshakeTimeoutMs: 300 }),
    establishMesh([two[1]![0], undefined, links[1]![2]], agreement(1), { handshakeTimeoutMs: 300 }),
  ];
  const results = await Promise.allSettled([...honest, ...carols]);
  assert.ok(results.every(({ status }) => status === "rejected"));
  const reasons = results.map((result) => String((result as PromiseRejectedResult).reason));
  assert.ok(
    reasons.some((reason) => /different nonces/.test(reason)),
    reasons.join("\n"),
  );
});

test("a silent peer is named after the time-out, a lost one at once", async () => {
  const [toBob, bob] = memoryPair("alice", "bob");
  const names = ["alice", "bob"];
  await assert.rejects(
    establishMesh([undefined, toBob], agreement(0, { names }), { handshakeTimeoutMs: 30 }),
    (error) => error instanceof PeerLostError && error.peer === "bob" && /30 ms/.test(error.message),
  );
  assert.ok(toBob.closed && !bob.closed);
  const [again, other] = memoryPair("alice", "bob");
  const lost: Promise<Mesh> = establishMesh([undefined, again as Connection], agreement(0, { names }));
  other.close();
  await assert.rejects(lost, (error) => error instanceof PeerLostError && error.peer === "bob");
});
