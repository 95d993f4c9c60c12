// TLS: pinned keys at both ends, whole sessions on localhost, large frames both ways, refusals by name.
import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTlsSocket } from "node:tls";
import { HandshakeError, PeerLostError, SessionEndedError } from "../../src/errors.js";
import {
  type Connection,
  connectTlsMesh,
  createIdentity,
  dial,
  fingerprint,
  type Identity,
  type Listener,
  listen,
  type Mesh,
  type PeerAddress,
  PeerInbox,
  type Pin,
  type Pins,
  RpcClient,
  serve,
  type TlsMeshOptions,
} from "../../src/net/index.js";
import type { LinkedMesh } from "../../src/net/linked-mesh.js";
import { collect, endAll, exchange, frame, identities, NAMES, sleep } from "./helpers.js";

const HOST = "127.0.0.1";
let ids: Identity[];
let pins: Pins;
let mallory: Identity;
let driver: Identity;
const open: Listener[] = [];

before(async () => {
  ({ ids, pins } = await identities());
  [mallory, driver] = await Promise.all([createIdentity("mallory"), createIdentity("dora")]);
});
after(() => Promise.all(open.map((listener) => listener.close())));

async function listening(
  identity: Identity,
  onConnection: (connection: Connection, pin: Pin) => void,
  accepted: Pins = pins,
  handshakeTimeoutMs = 5000,
): Promise<{ port: number; refused: HandshakeError[] }> {
  const refused: HandshakeError[] = [];
  const listener = await listen(HOST, 0, identity, accepted, onConnection, {
    handshakeTimeoutMs,
    onRefused: (error) => refused.push(error),
  });
  open.push(listener);
  return { port: listener.port, refused };
}

const expectParty = (index: number) => ({
  name: NAMES[index]!,
  role: "party" as const,
  index,
  fingerprint: fingerprint(ids[index]!.certPem),
});

/** One daemon per party: a listener that leaves connections in an inbox. */
async function daemons(): Promise<{ inboxes: PeerInbox[]; peers: PeerAddress[] }> {
  const inboxes = NAMES.map(() => new PeerInbox());
  const ports = await Promise.all(ids.map((id, i) => listening(id, (connection) => inboxes[i]!.offer(connection))));
  const peers = ports.map(({ port }, i) => ({ host: HOST, port, fingerprint: fingerprint(ids[i]!.certPem) }));
  return { inboxes, peers };
}

const meshOptions = (self: number, inbox: PeerInbox, peers: PeerAddress[]): TlsMeshOptions => ({
  identity: ids[self]!,
  inbox,
  peers,
  agreement: { library: "1", kernels: "k", protocol: "rep3", label: "tls", names: NAMES, self },
  connectTimeoutMs: 5000,
});

async function session(): Promise<Mesh[]> {
  const { inboxes, peers } = await daemons();
  return Promise.all(inboxes.map((inbox, self) => connectTlsMesh(meshOptions(self, inbox, peers))));
}

test("three meshes: 8 MiB both ways between all pairs at once, then small rounds", async () => {
  const meshes = await session();
  assert.ok(meshes.every(({ encrypted }) => encrypted));
  assert.equal(new Set(meshes.map(({ sessionId }) => sessionId)).size, 1);
  const size = 8 * 2 ** 20;
  const bodies = NAMES.map((_, i) => Uint8Array.from({ length: size }, (_, at) => at * (i + 3) + (at >> 12)));
  await Promise.all(
    meshes.map(async (mesh) => {
      const others = [0, 1, 2].filter((index) => index !== mesh.self);
      mesh.openRun(1, 2 * size + 100);
      for (const round of [0, 1]) {
        const send = Object.fromEntries(
          others.map((peer) => [peer, [bodies[mesh.self]!.subarray(0, 5), bodies[mesh.self]!.subarray(5)]]),
        );
        const got = await exchange(mesh, 1, round, send, Object.fromEntries(others.map((peer) => [peer, size])));
        for (const peer of others) assert.equal(Buffer.compare(got[peer]!, bodies[peer]!), 0);
      }
      for (let round = 2; round < 30; round++)
        await exchange(
          mesh,
          1,
          round,
          { [others[0]!]: Uint8Array.of(round), [others[1]!]: Uint8Array.of(round) },
          { [others[0]!]: 1, [others[1]!]: 1 },
        );
      mesh.closeRun(1);
    }),
  );
  endAll(meshes);
});

test("buffers given to exchange may be overwritten as soon as it returns", async () => {
  const meshes = await session();
  const [alice, bob] = meshes as [Mesh, Mesh];
  alice.openRun(1, 0);
  bob.openRun(1, 2 ** 24);
  const sizes = [3_000_000, 10, 200_000, 0, 1_000_000];
  const buffer = new Uint8Array(3_000_000);
  const received = (async () => {
    for (const [round, size] of sizes.entries()) {
      const got = await exchange(bob, 1, round, {}, { 0: size });
      assert.ok(
        got[0]!.every((byte) => byte === round + 1),
        `round ${round}`,
      );
    }
  })();
  for (const [round, size] of sizes.entries()) {
    const sent = exchange(alice, 1, round, { 1: buffer.fill(round + 1).subarray(0, size) }, {});
    buffer.fill(0xee);
    await sent;
  }
  await received;
  endAll(meshes);
});

test("what was sent has left when an exchange is done, so that long local work does not keep it", async (t) => {
  const meshes = await session();
  t.after(() => endAll(meshes));
  const [alice, bob] = meshes as [LinkedMesh, Mesh];
  for (const mesh of [alice, bob]) mesh.openRun(1, 2 ** 24);
  const link = alice.links[1]!;
  const size = 2_000_000;
  const received = exchange(bob, 1, 0, { 0: Uint8Array.of(1) }, { 0: size });
  await sleep(30);
  let left: number | undefined;
  await new Promise<void>((resolve) => {
    const receive = [{ peer: 1, bytes: 1, deliver() {} }];
    alice.exchange(1, 0, [{ peer: 1, parts: [new Uint8Array(size).fill(7)] }], receive, () => {
      left = link.unsentBytes;
      resolve();
    });
    assert.ok(link.unsentBytes > 0, "it does not go at once");
  });
  assert.equal(left, 0);
  assert.ok((await received)[0]!.every((byte) => byte === 7));
});

test("a peer that starts late is waited for, and a new session can follow an ended one", async () => {
  const { inboxes, peers } = await daemons();
  for (let attempt = 0; attempt < 2; attempt++) {
    const early = [0, 1].map((self) => connectTlsMesh(meshOptions(self, inboxes[self]!, peers)));
    await sleep(30);
    const meshes = await Promise.all([...early, connectTlsMesh(meshOptions(2, inboxes[2]!, peers))]);
    meshes[attempt]!.end(new SessionEndedError("closed"));
    for (const mesh of meshes) assert.ok((await mesh.ended) instanceof SessionEndedError);
  }
});

test("a party that never starts is named; a dial is repeated until it succeeds", async () => {
  const { inboxes, peers } = await daemons();
  const failing = { ...meshOptions(2, inboxes[2]!, peers), connectTimeoutMs: 60 };
  await assert.rejects(
    connectTlsMesh(failing),
    (error) => error instanceof PeerLostError && /alice|bob/.test(error.peer),
  );
  const nobody = { ...peers[1]!, port: 1 };
  const dialling = { ...meshOptions(0, inboxes[0]!, [peers[0]!, nobody, peers[2]!]), connectTimeoutMs: 120 };
  await assert.rejects(connectTlsMesh(dialling), (error) => error instanceof PeerLostError && error.peer === "bob");
});

test("a lost connection is named at once", async () => {
  const meshes = await session();
  const [alice, bob, carol] = meshes as [Mesh, Mesh, Mesh & { links: (Connection | undefined)[] }];
  for (const mesh of meshes) mesh.openRun(1, 10);
  const waiting = exchange(alice, 1, 0, {}, { 2: 1 });
  carol.links[0]!.close();
  await assert.rejects(waiting, (error) => error instanceof PeerLostError && error.peer === "carol");
  await bob.ended;
  endAll(meshes);
});

test("different configurations fail at once, also in the middle of connecting", async () => {
  const { inboxes, peers } = await daemons();
  const results = await Promise.allSettled(
    inboxes.map((inbox, self) => {
      const options = meshOptions(self, inbox, peers);
      return connectTlsMesh(self === 0 ? { ...options, agreement: { ...options.agreement, library: "2" } } : options);
    }),
  );
  for (const result of results) {
    assert.ok(result.status === "rejected");
    assert.match(String(result.reason), /HandshakeError: handshake with .* expected library version/);
  }
});

test("dial refuses another key than the pinned one and names both", async () => {
  const { port } = await listening(ids[1]!, () => assert.fail("must not be accepted"));
  await assert.rejects(dial(HOST, port, ids[0]!, expectParty(2), 2000), (error) => {
    assert.ok(error instanceof HandshakeError);
    assert.match(
      error.message,
      new RegExp(`expected the key ${expectParty(2).fingerprint}.*got ${expectParty(1).fingerprint}`),
    );
    return true;
  });
});

test("listen refuses a key that is not pinned, and dial tells which key to pin", async () => {
  const { port, refused } = await listening(ids[0]!, () => assert.fail("must not be accepted"));
  await assert.rejects(dial(HOST, port, mallory, expectParty(0), 2000), (error) => {
    assert.ok(error instanceof HandshakeError);
    assert.match(error.message, new RegExp(`pin our key ${fingerprint(mallory.certPem)}`));
    return true;
  });
  await sleep(5);
  assert.match(refused[0]!.message, new RegExp(`expected a pinned key, got ${fingerprint(mallory.certPem)}`));
});

test("a certificate with somebody else's name is still mallory: only the key counts", async () => {
  const alias = await createIdentity("bob");
  const { port, refused } = await listening(ids[0]!, () => assert.fail("must not be accepted"));
  await assert.rejects(dial(HOST, port, alias, expectParty(0), 2000), HandshakeError);
  await sleep(5);
  assert.equal(refused.length, 1);
});

test("only the first certificate of a chain counts", async () => {
  const { port, refused } = await listening(ids[0]!, () => assert.fail("must not be accepted"));
  const chain = { ...mallory, certPem: `${mallory.certPem}\n${ids[1]!.certPem}` };
  await assert.rejects(dial(HOST, port, chain, expectParty(0), 2000), HandshakeError);
  await sleep(5);
  assert.match(refused[0]!.message, new RegExp(`got ${fingerprint(mallory.certPem)}`));
});

test("a pinned key whose private half is not held cannot be used", async () => {
  const { port } = await listening(ids[0]!, () => assert.fail("must not be accepted"));
  const stolen = { name: "bob", certPem: ids[1]!.certPem, keyPem: mallory.keyPem };
  await assert.rejects(async () => dial(HOST, port, stolen, expectParty(0), 2000));
});

test("no certificate, TLS 1.2, plain TCP and silence are refused", async () => {
  const { port, refused } = await listening(ids[0]!, () => assert.fail("must not be accepted"), pins, 300);
  const closed = (options: object) =>
    new Promise<void>((resolve) => {
      const socket = connectTlsSocket({
        host: HOST,
        port,
        rejectUnauthorized: false,
        ALPNProtocols: ["secretgrad/1"],
        ...options,
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
  await closed({});
  await closed({ maxVersion: "TLSv1.2", cert: ids[1]!.certPem, key: ids[1]!.keyPem });
  await closed({ ALPNProtocols: ["http/1.1"], cert: ids[1]!.certPem, key: ids[1]!.keyPem });
  for (const text of ["GET / HTTP/1.1\r\n\r\n", ""])
    await new Promise<void>((resolve) => {
      const socket = connectTcp(port, HOST, () => socket.write(text));
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
  assert.equal(refused.length, 5, refused.join("\n"));
  assert.match(refused[0]!.message, /got no certificate/);
  for (const error of refused.slice(1)) assert.match(error.message, /expected TLS 1.3/);
});

test("nobody listens, or the listener is mute: PeerLostError within the time", async () => {
  await assert.rejects(
    dial(HOST, 1, ids[0]!, expectParty(1), 2000),
    (error) => error instanceof PeerLostError && error.peer === "bob",
  );
  const { createServer } = await import("node:net");
  const mute = createServer(() => {}).listen(0, HOST);
  await new Promise((resolve) => mute.once("listening", resolve));
  const { port } = mute.address() as { port: number };
  await assert.rejects(dial(HOST, port, ids[0]!, expectParty(1), 50), /within 50 ms/);
  mute.close();
});

test("one port serves peers and drivers; the role comes from the pin", async () => {
  const both = new Map([...pins, [fingerprint(driver.certPem), { name: "dora", role: "driver" as const }]]);
  const seen: string[] = [];
  const { port } = await listening(
    ids[0]!,
    (connection, pin) => {
      seen.push(`${pin.role} ${connection.peer} ${pin.index}`);
      if (pin.role === "driver") serve(connection, { echo: (params, body) => ({ result: params as string, body }) });
      else
        void collect(connection, 1).then(([got]) => connection.send(got ? frame({ round: got.round + 1 }) : frame()));
    },
    both,
  );
  const client = new RpcClient(await dial(HOST, port, driver, expectParty(0)));
  const body = Uint8Array.from({ length: 3_000_000 }, (_, i) => i);
  const answer = await client.call("echo", { a: 1 }, body);
  assert.deepEqual(answer.result, { a: 1 });
  assert.equal(Buffer.compare(answer.body, body), 0);
  const peer = await dial(HOST, port, ids[1]!, expectParty(0));
  peer.send(frame({ round: 41 }));
  assert.equal((await collect(peer, 1))[0]!.round, 42);
  assert.deepEqual(seen, ["driver dora undefined", "party bob 1"]);
  client.close();
  peer.close();
});

test("frames sent just before closing arrive, large ones too", async () => {
  let got: Promise<unknown> = Promise.resolve();
  const { port } = await listening(ids[0]!, (connection) => {
    got = collect(connection, 3, 2 ** 25).then((frames) => frames.map(({ payload }) => payload.length));
  });
  const connection = await dial(HOST, port, ids[1]!, expectParty(0));
  for (const bytes of [5_000_000, 1, 300_000]) connection.send(frame({ parts: [new Uint8Array(bytes)] }));
  connection.close();
  assert.ok(connection.closed);
  await sleep(1);
  assert.deepEqual(await got, [5_000_000, 1, 300_000]);
});

test("a closed connection goes even if the other end sends on for ever", async () => {
  const listener = await listen(HOST, 0, ids[0]!, pins, (connection) => connection.close());
  const { certPem: cert, keyPem: key } = ids[1]!;
  const options = { host: HOST, port: listener.port, cert, key, rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connectTlsSocket({ ...options, ALPNProtocols: ["secretgrad/1"] });
  socket.resume();
  socket.on("error", () => {});
  const sending = setInterval(() => socket.write("x"), 50);
  try {
    await new Promise((resolve) => socket.once("end", resolve));
    const gone = listener.close().then(() => "gone");
    assert.equal(await Promise.race([gone, sleep(6000)]), "gone");
  } finally {
    clearInterval(sending);
    socket.destroy();
  }
});
