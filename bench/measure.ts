/** Measures cases on a cluster: repeated runs with fresh masks and inputs, errors against float64, a calibration row. */
import { type Plan, planInputs, planScalars, wordBytesOf } from "../src/plan/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import { decode, encode, size, type WordBytes } from "../src/ring/index.js";
import { type Case, checkPlan, setUpPlan, timedPlan } from "./cases.js";
import type { BenchCluster } from "./cluster.js";
import { kernels } from "./kernels.js";
import type { MemoryReport, RunOrder, RunReport } from "./party.js";
import type { Probes } from "./probe.js";
import { type Speeds, type StepProfile, stepProfile } from "./profile.js";
import { type Given, restartValues } from "./values.js";

export interface Row {
  readonly case: string;
  /** Median of the slowest party's time over the undisturbed runs; if they are too few, `secondsAsTheyCame`. */
  readonly seconds: number;
  readonly min: number;
  /** All runs, and those before and after which every core had its speed; without probes all are thought to be so. */
  readonly runs: { readonly all: number; readonly undisturbed: number };
  /** Median of the first `repetitions` runs, whatever the machine was doing. */
  readonly secondsAsTheyCame: number;
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
  /** Tell which runs are disturbed. If too many are, more runs follow, each of them after a fast probe. Default: no probes. */
  readonly probes?: Probes;
  /** For how long more runs may follow. */
  readonly patienceMs?: number;
}
const usualPatienceMs = 30_000;
/** Fewer undisturbed runs than these have no median. */
const FEW = 5;
/** So many runs, with inputs of their own, are compared with float64. */
const CHECKED = 10;

/**
 * Parties are daemons that have run before. V8 compiles what they run in the background, on cores that the parties themselves
 * need: until it has, a step takes up to twice as long. Most of it is done after 8 s (docs/decisions/0024-early-code.md).
 */
const usualWarmUpMs = 8000;
/** The same for rounds of small messages, which cost half after some 5000. */
const warmUpRounds = 5000;

export async function measure(
  cluster: BenchCluster,
  protocol: string,
  item: Case,
  {
    profileAt,
    repetitions = item.repetitions,
    warmUpMs = usualWarmUpMs,
    probes,
    patienceMs = usualPatienceMs,
  }: MeasureOptions = {},
): Promise<Row> {
  restartValues();
  const state = item.state();
  await run(cluster, protocol, setUpPlan(item, state), item.fraction, state);
  const plan = timedPlan(item, state, item.fresh());
  // Errors are looked at before the clock starts: runs that follow one another find parties awake, as a float64 reference in between does not.
  let maxError = 0;
  for (let i = 0; i < (item.trains ? 1 : Math.min(CHECKED, repetitions)); i++) {
    const fresh = item.fresh();
    const reports = await run(cluster, protocol, plan, item.fraction, fresh);
    maxError = Math.max(maxError, await errorOf(cluster, protocol, item, plan, reports, { ...state, ...fresh }));
  }
  const warm = performance.now() + warmUpMs;
  do await run(cluster, protocol, plan, item.fraction, item.fresh());
  while (performance.now() < warm);
  const timed: TimedRun[] = [];
  const undisturbed = () => timed.filter(({ slowest }) => probes === undefined || probes.undisturbed(slowest));
  const time = async () => {
    const order = orderOf(protocol, plan, item.fraction, item.fresh());
    const before = await probes?.take();
    const reports = await cluster.run(order);
    const after = await probes?.take();
    timed.push({ reports, slowest: Math.min(before ?? 0, after ?? 0) });
  };
  for (let i = 0; i < repetitions; i++) await time();
  const asTheyCame = [...timed];
  const patient = performance.now() + patienceMs;
  while (undisturbed().length < repetitions && performance.now() < patient)
    if (probes!.undisturbed(await probes!.take())) await time();
  const definition = protocolNamed(protocol);
  const profiled: RunReport[][] = [];
  if (profileAt !== undefined)
    for (let i = -2; i < Math.max(3, repetitions / 2); i++) {
      const found = await run(cluster, protocol, plan, item.fraction, item.fresh(), true);
      if (i >= 0) profiled.push(found);
    }
  const found = undisturbed();
  const counted = found.length < Math.min(FEW, repetitions) ? asTheyCame : found;
  const [{ reports }] = timed as [TimedRun];
  return {
    case: item.name,
    seconds: median(counted.map(secondsOf)),
    min: Math.min(...timed.map(secondsOf)),
    runs: { all: timed.length, undisturbed: found.length },
    secondsAsTheyCame: median(asTheyCame.map(secondsOf)),
    rounds: reports[0]!.rounds,
    bytesPerParty: Math.max(...reports.map((report) => report.bytes)),
    maxError,
    cpuSeconds: median(counted.map(cpuOf)),
    ...(profileAt === undefined
      ? {}
      : { profile: stepProfile(plan, definition, profiled, profileAt, cluster.processes) }),
  };
}

interface TimedRun {
  readonly reports: readonly RunReport[];
  /** Of the probes before and after it; 0 without them. */
  readonly slowest: number;
}
const secondsOf = ({ reports }: TimedRun): number => Math.max(...reports.map(({ seconds }) => seconds));
const cpuOf = ({ reports }: TimedRun): number =>
  reports.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / reports.length;
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

/** The largest difference from float64 after a run of a case on `given`. */
async function errorOf(
  cluster: BenchCluster,
  protocol: string,
  item: Case,
  plan: Plan,
  reports: readonly RunReport[],
  given: Record<string, Given>,
): Promise<number> {
  let largest = 0;
  for (const [name, wanted] of Object.entries(item.expect(given))) {
    const revealed = reports[0]!.parts.length > 0;
    const shown = revealed ? plan : checkPlan(item, name, [wanted.length]);
    const [{ parts }] = (revealed ? reports : await run(cluster, protocol, shown, item.fraction, {})) as [RunReport];
    const got = combined(protocol, parts, item.fraction, wordBytesOf(shown));
    largest = Math.max(largest, largestDifference(wanted, got));
  }
  return largest;
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
  return cluster.run(orderOf(protocol, plan, fraction, given, profile));
}

/** Shares the inputs anew: what each party is to do. */
function orderOf(
  protocol: string,
  plan: Plan,
  fraction: number,
  given: Record<string, Given>,
  profile = false,
): (party: number) => Omit<RunOrder, "run"> {
  const { sharing } = protocolNamed(protocol);
  const shared = planInputs(plan).map(({ slot }) => {
    const { data, shape } = given[slot]!;
    const words = encode(data, fraction, new BigInt64Array(size(shape)));
    const seeds = sharing.freshSeeds();
    return { slot, seeds, correction: sharing.correction(seeds, 0, new Uint8Array(words.buffer)) };
  });
  const scalars = Object.fromEntries(planScalars(plan).map(({ slot }) => [slot, Number(slot.split(":")[1])]));
  return (party) => ({
    plan: plan.bytes,
    scalars,
    profile,
    inputs: Object.fromEntries(
      shared.map(({ slot, seeds, correction }) => [
        slot,
        { seeds: seeds.byParty[party]!, ...(sharing.keepsCorrection[party] ? { correction } : {}) },
      ]),
    ),
  });
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
  if (!slow) await cluster.ring(64, warmUpRounds);
  const small = await cluster.ring(64, slow ? 20 : 500);
  const large = await cluster.ring(2 ** 20, slow ? 3 : 30);
  return {
    case: "calibration",
    kernelGmacs: wide.gmacs,
    kernelGmacsBest: wide.best,
    kernelGmacs32Best: narrow.best,
    roundMicroseconds: small * 1e6,
    mebibyteRingMilliseconds: large * 1e3,
  };
}
