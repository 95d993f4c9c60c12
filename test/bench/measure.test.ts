/** Which runs of a bench count: those beside which the machine had its speed, if there are enough of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inference } from "../../bench/cases.js";
import { type BenchCluster, memoryCluster } from "../../bench/cluster.js";
import { measure, type Row } from "../../bench/measure.js";
import { Probes, probe } from "../../bench/probe.js";

const repetitions = 6;
const item = inference("tiny", [4, 3], 2, repetitions);

/** Runs take as long as `seconds` says, and the probes have the speeds that `speeds` says, the last one from then on. */
async function scripted(seconds: readonly number[], speeds: readonly number[]): Promise<BenchCluster> {
  const cluster = await memoryCluster("plain");
  // What comes before the clock starts: the run that sets up, those that are checked, one to warm up.
  let [run, probed] = [-2 - repetitions, 0];
  return {
    ...cluster,
    async run(order) {
      const reports = await cluster.run(order);
      const at = run++;
      return reports.map((report) => ({ ...report, seconds: seconds[Math.max(0, at) % seconds.length]! }));
    },
    probe: async () => [{ gmacs: speeds[Math.min(probed++, speeds.length - 1)]!, from: 0, to: 1 }],
  };
}
async function rowOf(seconds: readonly number[], speeds: readonly number[]): Promise<Row> {
  const cluster = await scripted(seconds, speeds);
  return measure(cluster, "plain", item, { warmUpMs: 0, probes: new Probes(cluster.probe), patienceMs: 300 });
}

test("without probes every run counts", async () => {
  const row = await measure(await scripted([1, 2, 3, 4, 5, 6], [0]), "plain", item, { warmUpMs: 0 });
  assert.deepEqual(row.runs, { all: repetitions, undisturbed: repetitions });
  assert.equal(row.seconds, row.secondsAsTheyCame);
});

test("a run counts if the probes before and after it are fast, and runs go on until enough do", async () => {
  // Two probes a run: of the first six the second and the sixth have a slow one after them, the third before it. Then each run waits for a
  // fast one first, the second of them for three.
  const speeds = [5, 5, 5, 3, 3, 5, 5, 5, 4.5, 5, 5, 4.2];
  const row = await rowOf([9, 30, 30, 9, 8, 30, 1, 1, 1], [...speeds, ...speeds]);
  assert.deepEqual(row.runs, { all: repetitions + 3, undisturbed: repetitions });
  assert.equal(row.secondsAsTheyCame, 30);
  assert.equal(row.seconds, 8);
  assert.equal(row.min, 1);
});

test("with too few undisturbed runs the first ones count, as they came, and there is an end", async () => {
  // Two undisturbed runs, four others; then one that begins after fast probes and ends beside a slow one.
  const speeds = [5, 5, 5, 5, ...Array.from({ length: 8 }, () => 3), 5, 5, 3];
  const row = await rowOf([1, 2, 3, 4, 5, 6, 0.5], speeds);
  assert.deepEqual(row.runs, { all: repetitions + 1, undisturbed: 2 });
  assert.equal(row.seconds, 4);
  assert.equal(row.secondsAsTheyCame, 4);
});

test("the slowest core counts, of processes that compute at the same time", async () => {
  const both = (...gmacs: [number, number]) => gmacs.map((each) => ({ gmacs: each, from: 0, to: 1 }));
  const after = [both(5, 5)[0]!, { gmacs: 5, from: 2, to: 3 }];
  const answers = [both(5, 4), both(3, 5), after, both(5, 2)];
  const probes = new Probes(async () => answers.shift() ?? after, 2);
  assert.deepEqual([await probes.take(), await probes.take(), await probes.take()], [4, 3, 2]);
  assert.equal(probes.best, 4);
  // A core beside a busy one has six tenths of its speed.
  assert.deepEqual(
    [0.6, 0.8, 0.9].map((part) => probes.undisturbed(4 * part)),
    [false, false, true],
  );
  assert.equal(await probes.take(), 0, "never at the same time");
});

test("a process probes in a few milliseconds, and says when", () => {
  probe();
  const { gmacs, from, to } = probe();
  assert.ok(gmacs > 0.01 && gmacs < 1000, `${gmacs} G multiply-adds/s`);
  assert.ok(from < to && Math.abs(Date.now() - to) < 60_000);
});
