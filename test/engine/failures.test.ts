/** Runs that fail: by a node, by the network, by what the host gives. The error is passed on and nothing is left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, execute } from "../../src/engine/index.js";
import { PeerLostError, SecretgradError, SessionEndedError } from "../../src/errors.js";
import type { Mesh } from "../../src/net/index.js";
import type { EvalHost } from "../../src/ops/index.js";
import { plain, protocols, rep3 } from "../../src/protocol/index.js";
import { trainStep } from "../plan/sample.js";
import { stepGiven } from "./given.js";
import { Cluster, type Given } from "./run.js";

test("a node that fails rejects the run, and leaves nothing behind", async () => {
  for (const definition of protocols) {
    const cluster = new Cluster(definition);
    try {
      const host = (inner: EvalHost): EvalHost => ({
        ...inner,
        reveal: () => {
          throw new SessionEndedError("reveal: expected a session, got none");
        },
      });
      await assert.rejects(cluster.run(trainStep(), stepGiven, { host }), SessionEndedError);
      for (const { ring, store } of cluster.ends) assert.deepEqual([ring.usedBytes, store.live], [0, 0]);
    } finally {
      cluster.close();
    }
  }
});

test("a failing exchange rejects the run with its error, at any round, and leaves nothing behind", async () => {
  const program = compile(trainStep().close(), rep3);
  for (const failing of [0, 1, 5, program.cost.rounds - 1]) {
    const cluster = new Cluster(rep3);
    try {
      const mesh = (inner: Mesh): Mesh =>
        Object.create(inner, {
          self: { value: inner.self },
          parties: { value: inner.parties },
          exchange: {
            value: (...args: Parameters<Mesh["exchange"]>) => {
              if (inner.self === 1 && args[1] === failing)
                inner.end(new PeerLostError("test: expected p2, got silence", "p2"));
              inner.exchange(...args);
            },
          },
        });
      const before = performance.now();
      await assert.rejects(cluster.runProgram(program, stepGiven, { mesh }), SecretgradError);
      assert.ok(cluster.errors[1] instanceof PeerLostError);
      // A peer that awaits nothing in the last round may have finished.
      for (const error of cluster.errors) assert.ok(error === undefined || error instanceof SecretgradError);
      assert.ok(performance.now() - before < 5000);
      // A frame that is still under way must not be written into memory that belongs to somebody else by now.
      await new Promise((resolve) => setTimeout(resolve, 5));
      for (const { ring, store } of cluster.ends) assert.deepEqual([ring.usedBytes, store.live], [0, 0]);
    } finally {
      cluster.close();
    }
  }
});

test("after a failure nothing is sent or written any more", async () => {
  const program = compile(trainStep().close(), rep3);
  const cluster = new Cluster(rep3);
  const late: (() => void)[] = [];
  let exchanges = 0;
  try {
    const mesh = (inner: Mesh): Mesh =>
      Object.create(inner, {
        self: { value: inner.self },
        parties: { value: inner.parties },
        exchange: {
          value: (...args: Parameters<Mesh["exchange"]>) => {
            const [, round, , receive, done] = args;
            exchanges++;
            if (round < 1 || receive.length === 0) return inner.exchange(...args);
            late.push(() => {
              for (const { bytes, deliver } of receive) deliver(new Uint8Array(bytes).fill(255), 0);
              done();
            });
            const error = new PeerLostError("test: expected p1, got silence", "p1");
            queueMicrotask(() => {
              done(error);
              inner.end(error);
            });
          },
        },
      });
    await assert.rejects(cluster.runProgram(program, stepGiven, { mesh }), SecretgradError);
    assert.ok(late.length > 0);
    const before = exchanges;
    for (const act of late) act();
    assert.equal(exchanges, before);
    assert.ok(cluster.ends.every(({ ring }) => ring.usedBytes === 0));
  } finally {
    cluster.close();
  }
});

test("scalars, variables and datasets that do not fit the plan are refused", async () => {
  const cluster = new Cluster(plain);
  const refused = (given: Given, message: RegExp, host?: (host: EvalHost) => EvalHost) =>
    assert.rejects(cluster.run(trainStep(), given, host ? { host } : {}), message);
  try {
    await refused({ ...stepGiven, scalars: { ...stepGiven.scalars, lr: 1024 } }, /scalar lr: expected a mantissa/);
    await refused(
      { ...stepGiven, variables: { ...stepGiven.variables, b1: [1] } },
      /variable b1: expected 3 words, got 1/,
    );
    await refused(stepGiven, /dataset alice\/images: expected 4 row numbers, got 3/, (host) => ({
      ...host,
      rows: () => Uint32Array.of(1, 2, 3),
    }));
    await refused(stepGiven, /dataset alice\/images: expected 12 rows/, (host) => ({
      ...host,
      dataset: (name) => ({ ...host.dataset(name), rows: 11 }),
    }));
  } finally {
    cluster.close();
  }
});

test("execute rejects, never throws, also when the run is not open", async () => {
  const cluster = new Cluster(rep3);
  try {
    const program = compile(trainStep().close(), rep3);
    const { ring, ends, mesh } = cluster.ends[0]!;
    const scope = ring.scope();
    const host = { scalar: () => assert.fail("scalar") } as unknown as EvalHost;
    await assert.rejects(execute(program, { ring, protocol: ends(8), mesh, run: 5, host, scope }));
    scope.close();
  } finally {
    cluster.close();
  }
});
