/** Answers of a party that lies or breaks: the client names it and believes nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallResult } from "../../src/client/caller.js";
import { Owner } from "../../src/client/index.js";
import { quiet, through } from "./helpers.js";

interface RunResult {
  run: number;
  reveals: { label: string; bytes: number }[];
}

const operator = { op: "mul", seconds: 1, waiting: 1, bytes: 1 };

/** Changes the answer of p1 to a run. */
const changes: Record<string, (result: RunResult, body: Uint8Array) => CallResult> = {
  "another run number": (result, body) => ({ result: { ...result, run: result.run + 1 }, body }),
  "no run number": ({ reveals }, body) => ({ result: { reveals }, body }),
  "a fractional run number": (result, body) => ({ result: { ...result, run: 1.5 }, body }),
  "not an object": (_, body) => ({ result: "fine", body }),
  nothing: (_, body) => ({ result: null, body }),
  "no reveals": (result) => ({ result: { ...result, reveals: [] }, body: new Uint8Array() }),
  "another label": (result, body) => ({ result: { ...result, reveals: [{ label: "r9", bytes: body.length }] }, body }),
  "a label twice": (result, body) => ({ result: { ...result, reveals: [...result.reveals, ...result.reveals] }, body }),
  "a label more": (result, body) => ({
    result: { ...result, reveals: [...result.reveals, { label: "x", bytes: 8 }] },
    body: Buffer.concat([body, new Uint8Array(8)]),
  }),
  "a negative length": (result, body) => ({ result: { ...result, reveals: [{ label: "r0", bytes: -8 }] }, body }),
  "a length beyond the body": (result, body) => ({
    result: { ...result, reveals: [{ label: "r0", bytes: 2 ** 40 }] },
    body,
  }),
  "a short body": (result, body) => ({ result, body: body.subarray(8) }),
  "a long body": (result, body) => ({ result, body: Buffer.concat([body, new Uint8Array(8)]) }),
  "fewer words": (result, body) => ({
    result: { ...result, reveals: [{ label: "r0", bytes: 8 }] },
    body: body.subarray(0, 8),
  }),
  "no body": (result) => ({ result, body: new Uint8Array() }),
  "operators without an end": (result, body) => ({
    result: { ...result, stats: { rounds: 1, bytes: 1, seconds: 1, operators: Array(1001).fill(operator) } },
    body,
  }),
  "an operator of negative time": (result, body) => ({
    result: { ...result, stats: { rounds: 1, bytes: 1, seconds: 1, operators: [{ ...operator, seconds: -1 }] } },
    body,
  }),
  "an operator whose name is a book": (result, body) => ({
    result: {
      ...result,
      stats: { rounds: 1, bytes: 1, seconds: 1, operators: [{ ...operator, op: "x".repeat(101) }] },
    },
    body,
  }),
  "reveals of another type": (result, body) => ({ result: { ...result, reveals: { length: 1 } }, body }),
};

test("answers to a run that do not fit are refused", async (t) => {
  const session = await quiet();
  for (const [name, change] of Object.entries(changes))
    await t.test(name, async () => {
      const tampered = through(session, async (index, method, real) => {
        const { result, body } = await real();
        return index === 1 && method === "run" ? change(result as RunResult, body) : { result, body };
      });
      await assert.rejects(tampered.secret([1, 2]).reveal(), { name: "FrameError", message: /p1|run number/ });
    });
  // The session itself is unharmed.
  assert.deepEqual((await session.secret([1, 2]).reveal()).toArray(), [1, 2]);
  await session.close();
});

test("a party that says another digest than the plan's is found out", async () => {
  const session = await quiet();
  const tampered = through(session, async (index, method, real) =>
    index === 2 && method === "plan.put" ? { result: { digest: "0".repeat(64) }, body: new Uint8Array() } : real(),
  );
  await assert.rejects(tampered.secret([1]).reveal(), { name: "FrameError", message: /p2/ });
  await session.close();
});

test("only datasets that all parties hold alike are listed", async () => {
  const session = await quiet();
  await session.share("alice/a", [[1]]);
  await session.share("alice/b", [[1], [2]]);
  const without = through(session, async (index, method, real) => {
    const answer = await real();
    if (index !== 1 || method !== "dataset.list") return answer;
    const { datasets } = answer.result as { datasets: { name: string }[] };
    return { ...answer, result: { datasets: datasets.filter(({ name }) => name !== "alice/a") } };
  });
  await without.refresh();
  assert.deepEqual(
    without.datasets().map(({ name }) => name),
    ["alice/b"],
  );

  const otherwise = through(session, async (index, method, real) => {
    const answer = await real();
    if (index !== 1 || method !== "dataset.list") return answer;
    const { datasets } = answer.result as { datasets: { rows: number }[] };
    return { ...answer, result: { datasets: datasets.map((meta) => ({ ...meta, rows: 1 })) } };
  });
  await otherwise.refresh();
  assert.deepEqual(
    otherwise.datasets().map(({ name }) => name),
    ["alice/a"],
  );

  const garbage = through(session, async (index, method, real) =>
    index === 1 && method === "dataset.list"
      ? { result: { datasets: [{ name: "x" }] }, body: new Uint8Array() }
      : real(),
  );
  await assert.rejects(garbage.refresh(), /p1/);
  await session.close();
});

test("a grant that a party tells otherwise is not listed", async () => {
  const session = await quiet({ grants: "explicit" });
  await session.share("alice/x", [[1], [2]]);
  await assert.rejects(session.dataset("alice/x").all().sum().reveal());
  const alice = session.owner("alice");
  const [digest] = await alice.plans();
  await alice.grant(digest!, { release: ["open"] });
  const lied = new Owner({
    ...alice.options,
    parties: alice.options.parties.map((party, index) => ({
      name: party.name,
      async call(method, params, body) {
        const answer = await party.call(method, params, body);
        if (index !== 0 || method !== "grant.list") return answer;
        const { grants } = answer.result as { grants: object[] };
        return { ...answer, result: { grants: grants.map((grant) => ({ ...grant, recipients: ["\u001b[2J"] })) } };
      },
    })),
  });
  assert.equal((await alice.grants()).length, 1);
  assert.deepEqual(await lied.grants(), []);
  await session.close();
});
