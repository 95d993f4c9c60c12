/** What the configuration in deploy/ and the client of NATS keep apart: inboxes, addresses of answers, lengths. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { freePorts } from "../../cli/ports.js";
import { InputError, UnavailableError } from "../../src/errors.js";
import { type Broker, type OnBrokerState, openBroker } from "../../src/net/index.js";
import { temporaryDirectory } from "../cli/program.js";
import { natsServer, rules, skip } from "./nats-server.js";

/** Until somebody answers: a subscription may arrive after the next request. */
async function asked(broker: Broker, subject: string): Promise<Uint8Array> {
  for (let left = 100; ; left--)
    try {
      return await broker.request(subject, Uint8Array.of(1), 5000);
    } catch (error) {
      if (!(error instanceof UnavailableError) || left === 0) throw error;
      await pause(50);
    }
}

test("clients see no answers of others, and parties answer to inboxes alone", { skip }, async (t) => {
  const server = await natsServer();
  t.after(() => server.kill());
  const north = await openBroker(server.url("north"));
  const shop = await openBroker(server.url("shop"));
  const subject = "secretgrad.1.g.0.job";
  let answered = 0;
  north.answer(subject, () => {
    answered++;
    return Buffer.from("answer");
  });
  const foreign: string[] = [];
  const refused: string[] = [];
  const raw = (user: string, pass: string) =>
    connect({ servers: `127.0.0.1:${server.port}`, user, pass, inboxPrefix: `_INBOX.${user}` });
  const reader = await raw("reader", "r5");
  const west = await raw("west", "w3");
  t.after(() => Promise.all([reader.close(), west.close(), north.close(), shop.close()]));
  for (const all of ["_INBOX.>", "_INBOX.shop.>"])
    reader.subscribe(all, {
      callback(error, message) {
        if (error) refused.push(error.name);
        else foreign.push(message.subject);
      },
    });
  west.subscribe("secretgrad.1.g.2.job", { callback: (_, message) => void foreign.push(message.subject) });
  await Promise.all([reader.flush(), west.flush()]);
  assert.equal(Buffer.from(await asked(shop, subject)).toString(), "answer");
  const before = answered;
  for (const reply of ["secretgrad.1.g.2.job", "_INBOX.shop", "anywhere"])
    reader.publish(subject, Uint8Array.of(1), { reply });
  reader.publish(subject, Uint8Array.of(1));
  await reader.flush();
  // Messages of one connection arrive in order: when this one is answered, the others were looked at.
  await reader.request(subject, Uint8Array.of(1), { timeout: 30_000 });
  await west.flush();
  assert.equal(answered, before + 1);
  assert.deepEqual(foreign, []);
  assert.equal(refused.length, 2, "neither subscription is allowed");
});

test("the broker says how long messages may be", { skip }, async (t) => {
  const config = join(temporaryDirectory(), "nats.conf");
  writeFileSync(config, readFileSync(rules, "utf8").replace("max_payload: 1MB", "max_payload: 2000"));
  const server = await natsServer(undefined, config);
  t.after(() => server.kill());
  const shop = await openBroker(server.url("shop"));
  t.after(() => shop.close());
  assert.equal(shop.largest, 2000);
  await assert.rejects(shop.request("secretgrad.1.offer.m", new Uint8Array(2001), 1000), InputError);
});

test("users of a broker have names that can stand in a subject", async () => {
  for (const user of ["a.b", "%2A", "a%20b"])
    await assert.rejects(openBroker(`nats://${user}:hidden@localhost`), (error: Error) => {
      return error instanceof InputError && !error.message.includes("hidden");
    });
});

test("whoever runs a party hears of its broker: none yet, there, gone, there again, what it refuses", {
  skip,
}, async (t) => {
  const [port] = await freePorts(1);
  const heard: string[] = [];
  const until = async (state: string, times = 1) => {
    for (let left = 1200; heard.filter((each) => each === state).length < times; left--) {
      assert.ok(left > 0, `${state} after ${heard}`);
      await pause(50);
    }
  };
  const onState: OnBrokerState = (state, about) => {
    heard.push(state);
    assert.ok(!JSON.stringify(about).includes("n1"), "no password");
  };
  const broker = await openBroker(`nats://north:n1@127.0.0.1:${port}`, { wait: true, onState });
  t.after(() => broker.close());
  await until("waiting");
  const first = await natsServer(port);
  t.after(() => first.kill());
  await until("connected");
  broker.answer("shop.may.not", () => Uint8Array.of(1));
  await until("refused");
  await first.kill();
  await until("lost");
  const second = await natsServer(port);
  t.after(() => second.kill());
  await until("connected", 2);
});
