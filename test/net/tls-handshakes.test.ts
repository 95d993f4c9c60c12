import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { createIdentity, dial, fingerprint, listen } from "../../src/net/index.js";

test("sockets without a key take no places of those that have one", async () => {
  const [server, alice] = [await createIdentity("p0"), await createIdentity("alice")];
  const pins = new Map([[fingerprint(alice.certPem), { name: "alice", role: "owner" } as const]]);
  let accepted = 0;
  const listener = await listen("127.0.0.1", 0, server, pins, () => accepted++, {
    maxHandshakes: 4,
    handshakeTimeoutMs: 700,
  });
  const expected = { name: "p0", role: "party", index: 0, fingerprint: fingerprint(server.certPem) } as const;
  const open = () => dial("127.0.0.1", listener.port, alice, expected, 3000);
  const held = [];
  for (let i = 0; i < 10; i++) held.push(await open());
  assert.equal(accepted, 10);
  const silent = Array.from({ length: 8 }, () => connect(listener.port, "127.0.0.1").on("error", () => {}));
  await new Promise((r) => setTimeout(r, 200));
  assert.equal(silent.filter((s) => s.closed || s.readableEnded || s.destroyed).length, 4);
  await assert.rejects(open());
  await new Promise((r) => setTimeout(r, 1000));
  held.push(await open());
  for (let i = 0; i < 10; i++) {
    const s = connect(listener.port, "127.0.0.1").on("error", () => {});
    await new Promise((r) => s.once("connect", r));
    s.destroy();
  }
  await new Promise((r) => setTimeout(r, 100));
  held.push(await open());
  // a stranger's key
  const mallory = await createIdentity("mallory");
  for (let i = 0; i < 10; i++) await assert.rejects(dial("127.0.0.1", listener.port, mallory, expected, 3000));
  held.push(await open());
  for (const h of held) h.close();
  await listener.close();
});
