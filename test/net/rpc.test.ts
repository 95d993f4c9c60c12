// Remote calls: results, bodies, errors of our classes; limits, time-outs, lost connections and hostile ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as errors from "../../src/errors.js";
import {
  type Connection,
  FrameKind,
  type Handlers,
  type Json,
  memoryPair,
  RpcClient,
  type ServeOptions,
  serve,
} from "../../src/net/index.js";
import { encodeCall } from "../../src/net/rpc-codec.js";
import { collect, frame, sleep } from "./helpers.js";

const handlers: Handlers = {
  echo: (params, body) => ({ result: params as Json, body }),
  nothing: () => ({}),
  async slow(params) {
    await sleep(Number(params));
    return { result: "slow" };
  },
  policy() {
    throw new errors.PolicyError("grant: expected one, got none");
  },
  lost() {
    throw new errors.PeerLostError("round 3: expected carol", "carol");
  },
  bug() {
    throw new TypeError("secret 12345");
  },
  reject: () => Promise.reject(new errors.NameError("no such dataset")),
  list: (params) => ({ result: "x".repeat(Number(params)) }),
  large: (params) => ({ body: new Uint8Array(Number(params)) }),
};

function pair(options: ServeOptions = {}, limits = {}): { client: RpcClient; server: Connection; driver: Connection } {
  const [driver, server] = memoryPair("dora", "alice", ["driver", "party"]);
  serve(server, handlers, options);
  return { client: new RpcClient(driver, limits), server, driver };
}

test("any JSON and body comes back, many calls at once", async () => {
  const { client } = pair();
  const echo = async (params: Json, body: Uint8Array) => {
    const answer = await client.call("echo", params, body);
    assert.deepEqual(answer.result, JSON.parse(JSON.stringify(params)));
    assert.equal(Buffer.compare(answer.body, body), 0);
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.jsonValue(), fc.uint8Array({ maxLength: 300 })), { maxLength: 8 }), (calls) =>
      Promise.all(calls.map(([params, body]) => echo(params as Json, body))).then(() => {}),
    ),
    { numRuns: 40 },
  );
  await echo(null, new Uint8Array(2_000_000).fill(3));
  const { result, body } = await client.call("nothing");
  assert.equal(result, null);
  assert.equal(body.length, 0);
  client.close();
});

test("errors of our classes arrive as the same class, others without their text", async () => {
  const hidden: unknown[] = [];
  const { client } = pair({ onError: (error) => hidden.push(error) });
  await assert.rejects(client.call("policy"), (error) => {
    assert.ok(error instanceof errors.PolicyError);
    assert.equal(error.message, "grant: expected one, got none");
    return true;
  });
  await assert.rejects(client.call("reject"), errors.NameError);
  await assert.rejects(client.call("lost"), (error) => error instanceof errors.PeerLostError && error.peer === "carol");
  await assert.rejects(client.call("bug"), (error) => {
    assert.ok(error instanceof errors.SecretgradError);
    assert.equal(error.name, "SecretgradError");
    assert.doesNotMatch(JSON.stringify([error.message, Object.entries(error)]), /12345/);
    return true;
  });
  assert.equal(hidden.length, 1);
  assert.ok(hidden[0] instanceof TypeError);
  for (const method of ["missing", "constructor", "__proto__", "toString", "hasOwnProperty", ""])
    await assert.rejects(client.call(method), errors.NameError);
  client.close();
});

test("every error class crosses", async () => {
  for (const [name, Class] of Object.entries(errors)) {
    const [driver, server] = memoryPair("dora", "alice");
    const thrown = new (Class as new (message: string, peer: string) => Error)(`about ${name}`, "bob");
    serve(server, { fail: () => Promise.reject(thrown) });
    const client = new RpcClient(driver);
    await assert.rejects(client.call("fail"), (error) => error instanceof Class && (error as Error).name === name);
    client.close();
  }
});

test("a time-out rejects one call; its late answer is dropped and others go on", async () => {
  const { client } = pair();
  const other = client.call("slow", 30);
  await assert.rejects(
    client.call("slow", 25, undefined, { timeoutMs: 10 }),
    (error) =>
      error instanceof errors.PeerLostError && error.peer === "alice" && /slow of alice.*10 ms/.test(error.message),
  );
  assert.equal((await other).result, "slow");
  assert.equal((await client.call("echo", 1)).result, 1);
  client.close();
});

test("a lost connection rejects all pending calls and later ones", async () => {
  const { client, server } = pair();
  const waiting = [client.call("slow", 1000), client.call("slow", 1000)];
  await sleep(2);
  server.close();
  for (const result of await Promise.allSettled(waiting))
    assert.ok(result.status === "rejected" && result.reason instanceof errors.PeerLostError);
  await assert.rejects(client.call("echo"), errors.PeerLostError);
  assert.ok((await client.closed) instanceof errors.PeerLostError);
  const closed = pair();
  closed.client.close();
  await assert.rejects(closed.client.call("echo"), errors.SecretgradError);
});

test("limits hold at both ends before anything is allocated", async () => {
  const { client, server } = pair({ bodyLimitBytes: 1000, jsonLimitBytes: 200 });
  await assert.rejects(client.call("large", 1001), errors.BoundError);
  assert.equal((await client.call("large", 1000)).body.length, 1000);
  const strict = new RpcClient(memoryPair("dora", "alice")[0], { bodyLimitBytes: 10, jsonLimitBytes: 100 });
  await assert.rejects(strict.call("echo", null, new Uint8Array(11)), errors.BoundError);
  await assert.rejects(strict.call("echo", "x".repeat(100)), errors.BoundError);
  strict.close();
  // The server cuts off a client that ignores them.
  await assert.rejects(client.call("echo", null, new Uint8Array(5000)), errors.PeerLostError);
  assert.ok(server.closed);
  const answering = pair({}, { bodyLimitBytes: 100, answerLimitBytes: 100 });
  await assert.rejects(answering.client.call("large", 2 ** 21), errors.FrameError);
});

test("an answer may be longer than a call; one that is too long is a named error of that call alone", async () => {
  const { client, driver } = pair({ answerLimitBytes: 3 * 2 ** 20 }, { answerLimitBytes: 3 * 2 ** 20 });
  assert.equal((await client.call("list", 2 ** 21)).result, "x".repeat(2 ** 21));
  await assert.rejects(client.call("list", 2 ** 22), (error) => {
    assert.ok(error instanceof errors.BoundError);
    assert.match(error.message, /call list: expected an answer of at most 3145728 bytes of JSON.*try removing/);
    return true;
  });
  assert.equal((await client.call("list", 1)).result, "x");
  assert.ok(!driver.closed);
  client.close();
});

test("at most so many calls run at once, so many wait, the next one is refused", async () => {
  let running = 0;
  let most = 0;
  const [driver, server] = memoryPair("dora", "alice");
  const work = async () => {
    most = Math.max(most, ++running);
    await sleep(2);
    running--;
    return {};
  };
  serve(server, { work }, { concurrency: 3, queue: 5 });
  const client = new RpcClient(driver);
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => client.call("work")));
  assert.equal(most, 3);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 8);
  for (const result of results) if (result.status === "rejected") assert.ok(result.reason instanceof errors.BoundError);
  await client.call("work");
  client.close();
});

test("bodies that wait are bounded: a server stops reading until calls are done", async () => {
  let running = 0;
  let most = 0;
  const [driver, server] = memoryPair("dora", "alice");
  const work = async (_: unknown, body: Uint8Array) => {
    most = Math.max(most, ++running);
    await sleep(1);
    running--;
    return { result: body.length };
  };
  serve(server, { work }, { bodyLimitBytes: 1000 });
  const client = new RpcClient(driver);
  const results = await Promise.all(Array.from({ length: 20 }, () => client.call("work", null, new Uint8Array(600))));
  assert.ok(results.every(({ result }) => result === 600));
  assert.equal(most, 2);
  const last = client.call("work", null, new Uint8Array(1000));
  assert.equal((await last).result, 1000);
  client.close();
});

test("answers that nobody takes are bounded: a server stops working for a caller that does not read", async () => {
  // The server's timer does not keep a process alive, and here no socket does.
  const alive = setTimeout(() => {}, 30_000);
  const call = (run: number) =>
    frame({ kind: FrameKind.request, session: 0n, run, parts: encodeCall({ method: "large", params: 900 }) });
  const [driver, server] = memoryPair("dora", "alice");
  serve(server, handlers, { bodyLimitBytes: 1000, concurrency: 2 });
  for (let run = 1; run <= 50; run++) driver.send(call(run));
  await sleep(60);
  assert.ok(server.unsentBytes > 1000 && server.unsentBytes < 5000, `${server.unsentBytes} bytes wait`);
  assert.equal((await collect(driver, 50)).length, 50);
  assert.equal(server.unsentBytes, 0);
  driver.close();

  const [deaf, other] = memoryPair("dora", "alice");
  const end = new Promise<Error | undefined>((resolve) =>
    serve(other, handlers, { bodyLimitBytes: 1000, stallMs: 50, onClose: resolve }),
  );
  for (let run = 1; run <= 50; run++) deaf.send(call(run));
  assert.ok((await end) instanceof errors.PeerLostError);
  clearTimeout(alive);
});

test("garbage to a server ends its connection and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.values(FrameKind)),
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.jsonValue().map((value) => new Uint8Array(Buffer.concat(encodeCall(value)))),
        fc
          .record({ method: fc.jsonValue(), params: fc.jsonValue() })
          .map((call) => new Uint8Array(Buffer.concat(encodeCall(call)))),
      ),
      async (kind, payload) => {
        const [driver, server] = memoryPair("dora", "alice");
        const closed = new Promise<Error | undefined>((resolve) => serve(server, handlers, { onClose: resolve }));
        driver.send(frame({ kind, run: 1, parts: [payload] }));
        const answer = await Promise.race([closed, collect(driver, 1).catch((error: Error) => error)]);
        assert.ok(
          Array.isArray(answer) ? answer[0]!.kind === FrameKind.response : answer instanceof errors.SecretgradError,
        );
        driver.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("a server refuses a call number that was used, a client an answer that it did not ask for", async () => {
  const [driver, server] = memoryPair("dora", "alice");
  const end = new Promise<Error | undefined>((resolve) => serve(server, handlers, { onClose: resolve }));
  const call = frame({ kind: FrameKind.request, run: 5, parts: encodeCall({ method: "nothing" }) });
  driver.send(call);
  driver.send(call);
  assert.ok((await end) instanceof errors.FrameError);

  for (const bad of [
    { kind: FrameKind.response, run: 2, parts: encodeCall({ result: 1 }) },
    { kind: FrameKind.response, run: 0, parts: encodeCall({ result: 1 }) },
    { kind: FrameKind.data, run: 1, parts: encodeCall({ result: 1 }) },
    { kind: FrameKind.response, run: 1, parts: [Uint8Array.of(1, 2)] },
    { kind: FrameKind.response, run: 1, parts: encodeCall({}) },
    { kind: FrameKind.response, run: 1, parts: encodeCall(null) },
  ]) {
    const [mine, hostile] = memoryPair("dora", "alice");
    const client = new RpcClient(mine);
    const pending = client.call("echo");
    hostile.send(frame(bad));
    await assert.rejects(pending, errors.FrameError);
    client.close();
  }
});

test("an error from the wire is only data", async () => {
  for (const error of [
    null,
    5,
    {},
    { name: "TypeError", message: "x" },
    { name: "__proto__" },
    { name: "PeerLostError" },
    { message: 7 },
  ]) {
    const [mine, hostile] = memoryPair("dora", "alice");
    const client = new RpcClient(mine);
    const pending = client.call("echo");
    hostile.send(frame({ kind: FrameKind.response, run: 1, parts: encodeCall({ error }) }));
    await assert.rejects(pending, errors.SecretgradError);
    client.close();
  }
});
