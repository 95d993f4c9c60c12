/** A dealer as a member of a cluster: what it holds and is sent, how slow or absent it may be. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execute } from "../../src/engine/index.js";
import { PolicyError } from "../../src/errors.js";
import { additive } from "../../src/protocol/index.js";
import { alice, bob, driver, failure, names, TestCluster } from "./helpers.js";
import { greedy, measure } from "./measured.js";
import { assign, increase, init, input, open, plan, show, squareUp, total, variable, word } from "./plans.js";

const dealer = 2;
const cluster = (options: ConstructorParameters<typeof TestCluster>[0] = {}) =>
  new TestCluster(options, undefined, additive(2));

/** Reveals the squares of the driver's numbers. */
const squares = (n: number) =>
  plan((b) => {
    const x = input(b, "x", n);
    open(b, "y", b.node("truncate", [b.node("mul", [x, x])], { shift: 16 }));
  });

describe("a dealer", () => {
  it("takes part in everything, and holds and is sent no word of it", async () => {
    const sent: number[][] = [];
    const each = await cluster({
      execute: (program, options) => {
        const { mesh } = options;
        const exchange: typeof mesh.exchange = (run, round, send, receive, done) => {
          sent.push(...send.map(({ peer, parts }) => [mesh.self, peer, parts.reduce((n, part) => n + part.length, 0)]));
          mesh.exchange(run, round, send, receive, done);
        };
        return execute(program, { ...options, mesh: { self: mesh.self, parties: mesh.parties, exchange } });
      },
    }).connect();
    await each.share(alice, "alice/x", [
      [1, 2],
      [3, 4],
    ]);
    const { meta, stored } = each.stores[dealer]!.datasets.get("alice/x");
    assert.deepEqual([meta.keepsCorrection, stored.seeds, stored.correction], [false, [], undefined]);
    const sums = await each.put(total("alice/x", 2, 2));
    await each.grant(alice, sums, { times: 2 });
    const { words } = await each.run(sums, { scalars: { epoch: 0, position: 0 } });
    assert.deepEqual(words.get("total"), [word(4), word(6)]);

    const square = await each.put(squares(3));
    const { words: squared, answers } = await each.run(square, { inputs: { x: [word(1), word(2), word(-3)] } });
    for (const [i, value] of [1, 4, 9].entries())
      assert.ok(Math.abs(Number(squared.get("y")![i]! - word(value))) <= 1, String(squared.get("y")));
    assert.ok(answers[dealer]!.body!.every((byte) => byte === 0));
    assert.ok(answers[0]!.body!.some((byte) => byte !== 0));
    assert.deepEqual(each.bodies(square, { x: [1n, 2n, 3n] })[dealer]!.length, 0);
    assert.ok(sent.some(([from, to, bytes]) => from === dealer && to === 1 && bytes! > 0));
    assert.ok(sent.every(([, to]) => to !== dealer));

    for (const next of [init([1, 2]), squareUp(2), increase([1, 1])]) await each.put(next);
    await each.run(init([1, 2]));
    await each.run(squareUp(2));
    await each.run(increase([1, 1]), { checkpoint: true });
    const { checkpoints } = each.stores[dealer]!;
    assert.deepEqual(
      checkpoints.load(checkpoints.list().at(-1)!).map(({ bytes }) => [...bytes]),
      [[2, 0, 0, 0, 0, 0, 0, 0]],
    );
    await each.close();
  });

  it("waits longer than the time-out for parties that compute for long", async () => {
    // Each run takes a second at the parties and none at the dealer; four are in flight and the time-out is two.
    const each = await cluster((self) => ({
      timeoutMs: 2000,
      execute: async (program, options) => {
        if (self !== dealer) await new Promise((resolve) => setTimeout(resolve, 1000));
        return execute(program, options);
      },
    })).connect();
    const [start, square, look] = [init([1, -1]), squareUp(2), show(2)];
    for (const next of [start, square, look]) await each.put(next);
    const results = await Promise.all([start, square, square, look].map((next) => each.run(next)));
    for (const value of results[3]!.words.get("w")!) assert.ok(Math.abs(Number(value - word(1))) < 5);
    await each.close();
  });

  for (const [how, fault] of [
    ["is killed", (end: () => void) => end()],
    ["stands still", () => {}],
  ] as const)
    it(`ends a run at all others, by its name and with nothing revealed, when it ${how}`, async () => {
      let faulty = true;
      const each: TestCluster = await cluster((self) => ({
        execute: (program, options) => {
          if (self !== dealer || !faulty || program.plan.digest !== squares(2).digest) return execute(program, options);
          // It answers the proposal, and deals nothing.
          fault(() => void each.kill(dealer));
          return new Promise(() => {});
        },
      })).connect();
      const square = await each.put(squares(2));
      await each.put(init([7]));
      await each.run(init([7]), { checkpoint: true });
      const inputs = { x: [word(2), word(3)] };
      const bodies = each.bodies(square, inputs);
      const params = { request: "ab".repeat(16), digest: square.digest, scalars: {} };
      const began = performance.now();
      const calls = names.map((_, party) => each.call(party, driver, "run", params, bodies[party]));
      // The dealer's own answer may never come.
      calls[dealer]!.catch(() => {});
      const settled = await Promise.allSettled(calls.slice(0, dealer));
      for (const call of settled) {
        assert.equal(call.status, "rejected");
        assert.match(String(call.reason), /^(PeerLost|SessionEnded)Error.*p2/);
      }
      assert.ok(performance.now() - began < 4000);
      if (how === "stands still") return; // that promise never settles
      faulty = false;
      await each.connect();
      for (const next of [square, show(1)]) await each.put(next);
      assert.deepEqual((await each.run(show(1))).words.get("w"), [word(7)]);
      assert.equal((await each.run(square, { inputs })).words.get("y")!.length, 2);
      await each.close();
    });

  it("and parties mask variables alike, whoever of them read which from its disk", async () => {
    const each = await cluster().connect();
    const twoNames = plan((b) => {
      const w = b.node("truncate", [b.node("mul", [input(b, "x", 2), input(b, "x", 2)])], { shift: 16 });
      for (const name of ["u", "v"]) assign(b, name, w);
    });
    const look = plan((b) => {
      const [u, v] = [variable(b, "u", 2), variable(b, "v", 2)];
      const squared = [b.node("mul", [u, u]), b.node("mul", [u, v]), b.node("mul", [v, v])];
      squared.forEach((product, i) => {
        open(b, `y${i}`, b.node("truncate", [product], { shift: 16 }));
      });
    });
    for (const victim of names.keys()) {
      await each.put(twoNames);
      await each.run(twoNames, { inputs: { x: [word(1), word(2)] }, checkpoint: true });
      await each.kill(victim);
      await each.connect();
      await each.put(look);
      const { words } = await each.run(look);
      for (const values of words.values())
        for (const [i, value] of values.entries()) assert.ok(Math.abs(Number(value - word([1, 16][i]!))) < 100);
    }
    await each.close();
  });

  it("cannot be a recipient", async () => {
    const each = await cluster({ identities: new Set(["driver", "alice", "bob"]) }).connect();
    await each.share(bob, "bob/x", [[1], [2]]);
    const sums = await each.put(total("bob/x", 2, 1, {}, ["p2"]));
    await each.grant(bob, sums, { recipients: ["p2"] });
    assert.ok((await failure(each.run(sums, { scalars: { epoch: 0, position: 0 } }))) instanceof PolicyError);
    await each.close();
  });

  for (const [name, make] of Object.entries(greedy))
    for (const protocol of [additive(2), additive(2, "fss")])
      it(`takes no more memory than is estimated, nor do its parties: ${name}, ${protocol.name}`, async () => {
        const n = protocol.name === "additive-2" ? 10_000 : 1000;
        const { used, estimate } = await measure(make(n), n, protocol);
        for (const bytes of used) assert.ok(bytes > 0 && bytes <= estimate, `${used} of ${estimate}`);
      });
});
