/** What a client does while a party is away, without any party: connections that are made by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../../src/errors.js";
import type { ChannelHandlers } from "../../src/serving/party-end.js";
import { type Platform, RemoteModel } from "../../src/serving/remote-model.js";
import { encodeWelcome, type ModelFacts } from "../../src/serving/wire.js";
import { failure } from "../party/helpers.js";

const facts: ModelFacts = {
  ...{ model: "m", version: 1, party: 0, parties: ["a", "b", "c"], protocol: "rep3", ring: 64, fraction: 16 },
  ...{ input: [1], output: { kind: "class", shape: [], scale: 0, bits: 64 }, partBytes: 8, inFlight: 4 },
};
const addresses = ["wss://a/v1", "wss://b/v1", "wss://c/v1"];

test("the party that was missing is asked first, and the others only once it is back", async () => {
  const opened: number[] = [];
  const handlers: ChannelHandlers[] = [];
  let away: number | undefined;
  const platform: Platform = {
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    sharing: () => ({ split: () => addresses.map(() => new Uint8Array(8)), combine: ([first]) => first! }),
    async open(address, given) {
      const party = addresses.indexOf(address);
      opened.push(party);
      if (party === away) throw new UnavailableError(`${address}: away`);
      handlers[party] = given;
      let said = 0;
      const send = () => {
        if (said++ === 0) queueMicrotask(() => given.message(encodeWelcome({ ...facts, party })));
      };
      return { send, close: () => {} };
    },
  };
  const model = await RemoteModel.connect(platform, { addresses, model: "m", token: "t", timeoutMs: 1 });
  assert.deepEqual(opened.splice(0).sort(), [0, 1, 2]);
  away = 1;
  handlers[1]!.closed("a broken connection");
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.match((await failure(model.predict([1]))).message, /away/);
    assert.deepEqual(opened.splice(0), [1]);
  }
  away = undefined;
  // Nobody answers queries here.
  assert.match((await failure(model.predict([1]))).message, /expected an answer within 1 ms/);
  assert.deepEqual(opened.splice(0), [1, 0, 2]);
  await model.close();
});
