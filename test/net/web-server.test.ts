/** The port that strangers reach: what it answers, and what it bounds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import {
  createIdentity,
  fingerprint,
  openWebSocket,
  serveWeb,
  type WebClient,
  type WebLimits,
} from "../../src/net/index.js";
import { failure } from "../party/helpers.js";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing) await close();
});

/** Echoes; a client is known once it has said "me". */
async function start(
  limits: Partial<WebLimits> = {},
  identity?: Awaited<ReturnType<typeof createIdentity>>,
  largest = 1000,
) {
  const clients = new Set<WebClient>();
  const listener = await serveWeb({
    ...{ host: "127.0.0.1", port: 0, path: "/v1", identity, limits },
    largestMessage: () => largest,
    connected(client) {
      clients.add(client);
      let known = false;
      return {
        known: () => known,
        message(bytes) {
          known ||= Buffer.from(bytes).toString() === "me";
          client.send(bytes);
        },
        closed: () => clients.delete(client),
      };
    },
    page: (path, local) =>
      path === "/healthz" ? { status: 200, type: "text/plain", body: `ok ${local}\n` } : undefined,
  });
  closing.push(() => listener.close());
  return { ...listener, clients, url: `127.0.0.1:${listener.port}` };
}
const page = (url: string, host?: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    get(url, host ? { headers: { host } } : {}, (response) => {
      let body = "";
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    }).on("error", reject);
  });
async function dial(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${url}/v1`);
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}
const gone = (socket: WebSocket) => (socket.readyState === socket.CLOSED ? undefined : once(socket, "close"));
const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));

test("pages and messages over plain HTTP on this machine, not elsewhere", async () => {
  const { url } = await start();
  assert.deepEqual(await page(`http://${url}/healthz?x=1`), { status: 200, body: "ok true\n" });
  assert.equal((await page(`http://${url}/nothing`)).status, 404);
  const socket = await dial(url);
  socket.send(Buffer.from("me"));
  assert.equal(String((await once(socket, "message"))[0]), "me");
  socket.close();
  const elsewhere = new WebSocket(`ws://${url}/v2`);
  assert.match(String((await once(elsewhere, "error"))[0]), /404/);
  const open = { host: "0.0.0.0", port: 0, path: "/v1", identity: undefined };
  const nothing = { largestMessage: () => 1, connected: () => assert.fail(), page: () => undefined };
  assert.match(
    (await failure(serveWeb({ ...open, ...nothing }))).message,
    /expected TLS, or an address of this machine/,
  );
});

test("without TLS a caller is local only if it asked for this machine: pages of other sites, and a proxy's callers, are not", async () => {
  const { url, port } = await start();
  const asked = async (host: string) => (await page(`http://${url}/healthz`, host)).body;
  for (const host of [`127.0.0.1:${port}`, "localhost", `LOCALHOST:${port}`, `[::1]:${port}`])
    assert.equal(await asked(host), "ok true\n", host);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
  ])
    assert.equal(await asked(host), "ok false\n", host);
});

test("over TLS with the party's certificate, which clients pin", async () => {
  const identity = await createIdentity("p0");
  const { url } = await start({}, identity);
  const got: Uint8Array[] = [];
  const handlers = { message: (bytes: Uint8Array) => got.push(bytes.slice()), closed: () => {} };
  const pin = fingerprint(identity.certPem);
  const channel = await openWebSocket(`wss://${url}/v1`, handlers, { pin, largestMessage: 1000 });
  channel.send(Buffer.from("me"));
  while (got.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(Buffer.from(got[0]!).toString(), "me");
  channel.close();
  const wrong = openWebSocket(`wss://${url}/v1`, handlers, { pin: "0".repeat(64), largestMessage: 1000 });
  assert.match((await failure(wrong)).message, /expected the key 0+, got another/);
});

test("who does not say in time who it is goes: no TLS, no request, half a request, no message, half a message", async () => {
  const { port, url, clients } = await start({ patienceMs: 400 });
  const started = performance.now();
  const silent = connect(port, "127.0.0.1");
  const slow = connect(port, "127.0.0.1");
  slow.write("GET /healthz HTTP/1.1\r\nHost: x\r\n");
  const drip = setInterval(() => slow.write("X-A: b\r\n"), 50);
  for (const socket of [silent, slow]) socket.on("error", () => {});
  const stranger = await dial(url);
  const half = connect(port, "127.0.0.1");
  half.on("error", () => {});
  half.write(
    "GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await once(half, "data");
  // A frame of 500 bytes of which three come.
  half.write(Buffer.from([0x82, 0xfe, 0x01, 0xf4, 1, 2, 3, 4, 5, 6, 7]));
  const known = await dial(url);
  known.send(Buffer.from("me"));
  await Promise.all([ended(silent), ended(slow), ended(half), gone(stranger)]);
  clearInterval(drip);
  // Node looks for late requests once a second.
  assert.ok(performance.now() - started < 8000);
  assert.equal(known.readyState, known.OPEN);
  assert.equal(clients.size, 1);
  known.close();
});

test("who has not said who it is may not fill memory with a long message", async () => {
  const { url } = await start({}, undefined, 2 ** 20);
  const socket = await dial(url);
  for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(1000), { fin: false });
  await gone(socket);
  const known = await dial(url);
  known.send(Buffer.from("me"));
  await once(known, "message");
  known.send(Buffer.alloc(100_000));
  assert.equal(((await once(known, "message"))[0] as Buffer).length, 100_000);
  known.terminate();
});

test("a message that is too long, or compressed, ends its connection", async () => {
  const { url } = await start();
  const long = await dial(url);
  long.send(Buffer.alloc(1001));
  assert.deepEqual((await once(long, "close"))[0], 1009);
  const pieces = await dial(url);
  for (let i = 0; i < 11; i++) pieces.send(Buffer.alloc(100), { fin: i === 10 });
  await gone(pieces);
});

test("a thousand idle sockets are bounded, and a client still comes in", async () => {
  const { port, url, clients } = await start({ sockets: 300, strangers: 50, patienceMs: 1500 });
  const flood = Array.from({ length: 1000 }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    return socket;
  });
  await Promise.all(flood.slice(300).map((socket) => (socket.destroyed ? undefined : ended(socket))));
  // The last of the idle ones go when their time is over.
  await Promise.all(flood.map((socket) => (socket.destroyed ? undefined : ended(socket))));
  const strangers = await Promise.all(Array.from({ length: 60 }, () => dial(url)));
  assert.ok(clients.size <= 51, String(clients.size));
  const known = await dial(url);
  known.send(Buffer.from("me"));
  await once(known, "message");
  for (const socket of [known, ...strangers]) socket.terminate();
});

test("a client that does not answer pings is let go", async () => {
  const { url, clients } = await start({ idleMs: 400 });
  const socket = new WebSocket(`ws://${url}/v1`, { autoPong: false });
  socket.on("error", () => {});
  await once(socket, "open");
  socket.send(Buffer.from("me"));
  const lively = await dial(url);
  lively.send(Buffer.from("me"));
  await gone(socket);
  while (clients.size > 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(lively.readyState, lively.OPEN);
  lively.terminate();
});
