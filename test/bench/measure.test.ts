/** Which runs of a bench count: those beside which the machine had its speed, if there are enough of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inference } from "../../bench/cases.js";
import { type BenchCluster, memoryCluster } from "../../bench/cluster.js";
import { measure } from "../../bench/measure.js";
import { probe, undisturbedFrom } from "../../bench/probe.js";

const repetitions = 6;
const item = inference("tiny", [4, 3], 2, repetitions);

/** Runs take as long as `seconds` says, and the probe after each has the speed that `speeds` says, in turn. */
async function scripted(seconds: readonly number[], speeds: readonly number[]): Promise<BenchCluster> {
  const cluster = await memoryCluster("plain");
  // Before the clock starts there are the run that sets up and two to warm up, these with a probe each.
  let [run, probed] = [-3, -2];
  return {
    ...cluster,
    async run(order) {
      const reports = await cluster.run(order);
      const at = run++;
      return reports.map((report) => ({ ...report, seconds: seconds[Math.max(0, at) % seconds.length]! }));
    },
    probe: async () => speeds[Math.max(0, probed++) % speeds.length]!,
  };
}
const rowOf = async (seconds: readonly number[], speeds: readonly number[]) =>
  measure(await scripted(seconds, speeds), "plain", item, { warmUpMs: 0, undisturbedFrom: 5, patienceMs: 500 });

test("without probes every run counts", async () => {
  const row = await measure(await scripted([1, 2, 3, 4, 5, 6], [0]), "plain", item, { warmUpMs: 0 });
  assert.deepEqual(row.runs, { all: repetitions, undisturbed: repetitions });
  assert.equal(row.seconds, row.secondsOfAll);
});

test("a run counts if the probes before and after it are fast, and runs go on until enough do", async () => {
  // Every fourth probe is slow. Of the first six runs the fourth and the fifth have it on one side, later the eighth. The run after the pause
  // that follows, the ninth here, is not timed.
  const row = await rowOf([5, 1, 1, 30, 30, 30, 1, 30, 1000, 1], [5, 5, 5, 1]);
  assert.deepEqual(row.runs, { all: repetitions + 3, undisturbed: repetitions });
  assert.equal(row.seconds, 1);
  assert.equal(row.secondsOfAll, 30);
  assert.equal(row.min, 1);
});

test("with too few undisturbed runs all count, and there is an end", async () => {
  const row = await rowOf([2], [1]);
  assert.deepEqual(row.runs, { all: repetitions, undisturbed: 0 });
  assert.equal(row.seconds, 2);
});

test("a probe is a speed, and its own best is undisturbed", () => {
  const speed = probe();
  assert.ok(speed > 0.01 && speed < 1000, `${speed} G multiply-adds/s`);
  assert.ok(speed >= undisturbedFrom(speed) && speed / 2 < undisturbedFrom(speed));
});
