/** The embedded broker: queues, nobody, silence; and addresses that are none of a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, UnavailableError } from "../../src/errors.js";
import { EmbeddedBroker, openBroker } from "../../src/net/index.js";

const said = async (answer: Promise<Uint8Array>) => Buffer.from(await answer).toString();
const nothing = new Uint8Array();

test("of a queue one answers, in turns; who has ended answers no more", async () => {
  const broker = new EmbeddedBroker();
  const ends = ["a", "b"].map((name) => broker.answer("subject", () => Buffer.from(name), "queue"));
  const ask = () => said(broker.request("subject", nothing, 1000));
  assert.deepEqual(new Set([await ask(), await ask()]), new Set(["a", "b"]));
  ends[0]!();
  assert.deepEqual([await ask(), await ask()], ["b", "b"]);
  ends[1]!();
  await assert.rejects(ask(), (error: Error) => error instanceof UnavailableError && /got nobody/.test(error.message));
});

test("answers have bytes of their own; an answerer that throws, or waits, has none", async () => {
  const broker = new EmbeddedBroker();
  const message = Uint8Array.of(1, 2);
  broker.answer("echo", (bytes) => bytes);
  const answer = await broker.request("echo", message, 1000);
  message[0] = 9;
  assert.deepEqual([...answer], [1, 2]);
  broker.answer("fails", () => {
    throw new Error("secret");
  });
  broker.answer("waits", () => new Promise(() => {}));
  for (const subject of ["fails", "waits"])
    await assert.rejects(
      broker.request(subject, nothing, 20),
      (error: Error) => error instanceof UnavailableError && /got none/.test(error.message),
    );
});

test("a server's address is nats:// or tls://, and errors do not quote its password", async () => {
  for (const address of ["localhost:4222", "http://h", "nats://u:hidden@h:1,ftp://h", ""])
    await assert.rejects(
      openBroker(address),
      (error: Error) => error instanceof InputError && !error.message.includes("hidden"),
    );
  assert.equal(await openBroker(undefined), await openBroker(undefined));
});
