/** Measures cases on a cluster: repeated runs with fresh masks and inputs, errors against float64, a calibration row. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Plan, planInputs, planScalars, wordBytesOf } from "../src/plan/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import { decode, encode, size, type WordBytes } from "../src/ring/index.js";
import { type Case, checkPlan, setUpPlan, timedPlan } from "./cases.js";
import type { BenchCluster } from "./cluster.js";
import { kernels } from "./kernels.js";
import type { MemoryReport, RunReport } from "./party.js";
import { type Speeds, type StepProfile, stepProfile } from "./profile.js";
import { type Given, restartValues } from "./values.js";

export interface Row {
  readonly case: string;
  /** Median of the slowest party's time over the undisturbed runs, or over all if there are too few of them. */
  readonly seconds: number;
  readonly min: number;
  /** Runs, and those before and after which every core had its speed; without probes all are thought to be so. */
  readonly runs: { readonly all: number; readonly undisturbed: number };
  /** Median of the first `repetitions` runs, whatever the machine was doing. */
  readonly secondsOfAll: number;
  readonly rounds: number;
  /** Payload sent by the busiest party. */
  readonly bytesPerParty: number;
  readonly maxError: number;
  /** Of the same runs as `seconds`: median processor time of one party. */
  readonly cpuSeconds: number;
  readonly profile?: StepProfile;
}
export interface MeasureOptions {
  /** The kernels' speed: some runs more are profiled, and compared with that. The cluster must be a profiled one. */
  readonly profileAt?: Speeds;
  /** Default: the case's. */
  readonly repetitions?: number;
  readonly warmUpMs?: number;
  /**
   * Speed of a probe from which a run beside it counts as undisturbed. If fewer than `repetitions` are, more runs follow, each of them
   * after a fast probe. Default: no probes.
   */
  readonly undisturbedFrom?: number;
  /** For how long more runs may follow. */
  readonly patienceMs?: number;
}
const usualPatienceMs = 30_000;
/** Between a slow probe and the next one. */
const PAUSE_MS = 20;
/** Fewer undisturbed runs than these have no median. */
const FEW = 5;

/**
 * Parties are daemons that have run before. V8 compiles what they run in the background, on cores that the parties themselves
 * need: until it has, a step takes up to twice as long. Most of it is done after 8 s (docs/decisions/0024-early-code.md).
 */
const usualWarmUpMs = 8000;
/** The same for rounds of small messages, which cost half after some 5000. */
const warmUpRounds = 5000;
const PROBES = 300;

export async function measure(
  cluster: BenchCluster,
  protocol: string,
  item: Case,
  {
    profileAt,
    repetitions = item.repetitions,
    warmUpMs = usualWarmUpMs,
    undisturbedFrom,
    patienceMs = usualPatienceMs,
  }: MeasureOptions = {},
): Promise<Row> {
  restartValues();
  const state = item.state();
  await run(cluster, protocol, setUpPlan(item, state), item.fraction, state);
  const plan = timedPlan(item, state, item.fresh());
  const timed: { seconds: number; cpu: number; undisturbed: boolean }[] = [];
  const undisturbed = () => timed.filter((each) => each.undisturbed);
  let quiet = true;
  const probe = async () => {
    quiet = undisturbedFrom === undefined || (await cluster.probe()) >= undisturbedFrom;
  };
  let reports: RunReport[] = [];
  let maxError = 0;
  const step = async (counts: boolean, checked: boolean) => {
    const [fresh, before] = [item.fresh(), quiet];
    reports = await run(cluster, protocol, plan, item.fraction, fresh);
    await probe();
    if (counts)
      timed.push({
        seconds: Math.max(...reports.map((report) => report.seconds)),
        cpu: reports.reduce((sum, report) => sum + report.cpuSeconds, 0) / reports.length,
        undisturbed: before && quiet,
      });
    if (!checked) return;
    for (const [name, wanted] of Object.entries(item.expect({ ...state, ...fresh }))) {
      const revealed = reports[0]!.parts.length > 0;
      const shown = revealed ? plan : checkPlan(item, name, [wanted.length]);
      const [{ parts }] = (revealed ? reports : await run(cluster, protocol, shown, item.fraction, {})) as [RunReport];
      const got = combined(protocol, parts, item.fraction, wordBytesOf(shown));
      maxError = Math.max(maxError, largestDifference(wanted, got));
    }
  };
  // A training step changes its weights: only the first one starts from weights that are known in the clear.
  await step(false, true);
  const warm = performance.now() + warmUpMs;
  do await step(false, !item.trains);
  while (performance.now() < warm);
  for (let i = 0; i < repetitions; i++) await step(true, !item.trains);
  const secondsOfAll = median(timed.map(({ seconds }) => seconds));
  const patient = performance.now() + patienceMs;
  while (undisturbed().length < repetitions && performance.now() < patient) {
    if (quiet) await step(true, !item.trains);
    else {
      await sleep(PAUSE_MS);
      await probe();
      // The first run after a pause finds processes asleep, and all of them on the core of the one that wakes them up.
      if (quiet) await step(false, false);
    }
  }
  const definition = protocolNamed(protocol);
  const profiled: RunReport[][] = [];
  if (profileAt !== undefined)
    for (let i = -2; i < Math.max(3, repetitions / 2); i++) {
      const found = await run(cluster, protocol, plan, item.fraction, item.fresh(), true);
      if (i >= 0) profiled.push(found);
    }
  const few = undisturbed().length < Math.min(FEW, repetitions);
  const counted = few ? timed : undisturbed();
  return {
    case: item.name,
    seconds: median(counted.map(({ seconds }) => seconds)),
    min: Math.min(...timed.map(({ seconds }) => seconds)),
    runs: { all: timed.length, undisturbed: undisturbed().length },
    secondsOfAll,
    rounds: reports[0]!.rounds,
    bytesPerParty: Math.max(...reports.map((report) => report.bytes)),
    maxError,
    cpuSeconds: median(counted.map(({ cpu }) => cpu)),
    ...(profileAt === undefined
      ? {}
      : { profile: stepProfile(plan, definition, profiled, profileAt, cluster.processes) }),
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** What the parties hold after so many runs of a case, each with inputs of its own, after one another: ascending counts. */
export async function* memoryAfter(
  cluster: BenchCluster,
  protocol: string,
  item: Case,
  counts: readonly number[],
): AsyncIterable<{ steps: number; parties: MemoryReport[] }> {
  const state = item.state();
  await run(cluster, protocol, setUpPlan(item, state), item.fraction, state);
  const plan = timedPlan(item, state, item.fresh());
  let steps = 0;
  for (const count of counts) {
    for (; steps < count; steps++) await run(cluster, protocol, plan, item.fraction, item.fresh());
    yield { steps, parties: await cluster.memory() };
  }
}

function combined(
  protocol: string,
  parts: readonly Uint8Array[],
  fraction: number,
  wordBytes: WordBytes,
): Float64Array {
  const { buffer } = new Uint8Array(protocolNamed(protocol).sharing.combine(parts, wordBytes));
  const words = wordBytes === 8 ? new BigInt64Array(buffer) : BigInt64Array.from(new Int32Array(buffer), BigInt);
  return decode(words, fraction);
}
function largestDifference(wanted: Float64Array, got: Float64Array): number {
  if (got.length !== wanted.length) throw new Error(`bench: expected ${wanted.length} values, got ${got.length}`);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
}

/** Shares the inputs anew and runs the plan at all parties. */
function run(
  cluster: BenchCluster,
  protocol: string,
  plan: Plan,
  fraction: number,
  given: Record<string, Given>,
  profile = false,
): Promise<RunReport[]> {
  const { sharing } = protocolNamed(protocol);
  const shared = planInputs(plan).map(({ slot }) => {
    const { data, shape } = given[slot]!;
    const words = encode(data, fraction, new BigInt64Array(size(shape)));
    const seeds = sharing.freshSeeds();
    return { slot, seeds, correction: sharing.correction(seeds, 0, new Uint8Array(words.buffer)) };
  });
  const scalars = Object.fromEntries(planScalars(plan).map(({ slot }) => [slot, Number(slot.split(":")[1])]));
  return cluster.run((party) => ({
    plan: plan.bytes,
    scalars,
    profile,
    inputs: Object.fromEntries(
      shared.map(({ slot, seeds, correction }) => [
        slot,
        { seeds: seeds.byParty[party]!, ...(sharing.keepsCorrection[party] ? { correction } : {}) },
      ]),
    ),
  }));
}

/** How fast this machine is in this very run: what absolute figures must be read against. */
export interface Calibration {
  readonly case: "calibration";
  /** 10^9 multiply-adds a second of one core, 256×256×256. */
  readonly kernelGmacs: number;
  /** The same of the fastest call, which nobody disturbed. */
  readonly kernelGmacsBest: number;
  /** The same for words of 32 bits. */
  readonly kernelGmacs32Best: number;
  /** The fastest of some hundred probes (probe.ts), the slowest core's. */
  readonly probeGmacsBest: number;
  /** In which every party sends 64 bytes to the next. */
  readonly roundMicroseconds: number;
  /** In which every party sends 1 MiB to the next. */
  readonly mebibyteRingMilliseconds: number;
}

/** Of the fastest calls, by the bytes of a word. */
export const bestSpeeds = ({ kernelGmacsBest, kernelGmacs32Best }: Calibration): Speeds => ({
  8: kernelGmacsBest,
  4: kernelGmacs32Best,
});

/** `latencyMs`: of the link model, if there is one. */
export async function calibrate(cluster: BenchCluster, latencyMs = 0): Promise<Calibration> {
  const slow = latencyMs > 1;
  const speed = async (only: string) => {
    let [gmacs, best] = [0, 0];
    for await (const { gmacs: found = 0, seconds, min } of kernels({ only }))
      [gmacs, best] = [found, (found * seconds) / min];
    return { gmacs, best };
  };
  const [wide, narrow] = [await speed("matmul 256x256x256"), await speed("matmul32 256x256x256")];
  let probed = 0;
  for (let i = 0; i < PROBES; i++) probed = Math.max(probed, await cluster.probe());
  if (!slow) await cluster.ring(64, warmUpRounds);
  const small = await cluster.ring(64, slow ? 20 : 500);
  const large = await cluster.ring(2 ** 20, slow ? 3 : 30);
  return {
    case: "calibration",
    kernelGmacs: wide.gmacs,
    kernelGmacsBest: wide.best,
    kernelGmacs32Best: narrow.best,
    probeGmacsBest: probed,
    roundMicroseconds: small * 1e6,
    mebibyteRingMilliseconds: large * 1e3,
  };
}
