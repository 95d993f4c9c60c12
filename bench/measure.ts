/** Measures cases on a cluster: repeated runs with fresh masks and inputs, errors against float64, a calibration row. */
import { type Plan, planInputs, planScalars, wordBytesOf } from "../src/plan/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import { decode, encode, size, type WordBytes } from "../src/ring/index.js";
import { type Case, checkPlan, type Given, setUpPlan, timedPlan } from "./cases.js";
import type { BenchCluster } from "./cluster.js";
import type { RunReport } from "./party.js";

export interface Row {
  readonly case: string;
  /** Median over repetitions of the slowest party's time. */
  readonly seconds: number;
  readonly min: number;
  readonly rounds: number;
  /** Payload sent by the busiest party. */
  readonly bytesPerParty: number;
  readonly maxError: number;
  /** Median processor time of one party; what remains comparable when other work shares the machine. */
  readonly cpuSeconds: number;
  readonly profile?: RunReport["profile"];
}

/**
 * Parties are daemons that have run before. V8 compiles what they run in the background, on cores that the parties themselves
 * need: until it has, a step takes up to twice as long, and after 1.5 s a tenth of the processor time was still its compilers'.
 */
const warmUpMs = 4000;
/** The same for rounds of small messages, which cost half after some 5000. */
const warmUpRounds = 5000;

export async function measure(
  cluster: BenchCluster,
  protocol: string,
  item: Case,
  options: { profile?: boolean } = {},
): Promise<Row> {
  const state = item.state();
  await run(cluster, protocol, setUpPlan(item, state), item.fraction, state);
  const plan = timedPlan(item, state, item.fresh());
  const seconds: number[] = [];
  const cpu: number[] = [];
  let reports: RunReport[] = [];
  let maxError = 0;
  const warm = performance.now() + warmUpMs;
  for (let i = -2; i < item.repetitions; i++) {
    if (i === 0 && performance.now() < warm) i = -1;
    const fresh = item.fresh();
    reports = await run(cluster, protocol, plan, item.fraction, fresh, options.profile && i === item.repetitions - 1);
    if (i >= 0) {
      seconds.push(Math.max(...reports.map((report) => report.seconds)));
      cpu.push(reports.reduce((sum, report) => sum + report.cpuSeconds, 0) / reports.length);
    }
    // A training step changes its weights: only the first one starts from weights that are known in the clear.
    if (i > -2 && item.name.includes("train")) continue;
    for (const [name, wanted] of Object.entries(item.expect({ ...state, ...fresh }))) {
      const revealed = reports[0]!.parts.length > 0;
      const shown = revealed ? plan : checkPlan(item, name, [wanted.length]);
      const [{ parts }] = (revealed ? reports : await run(cluster, protocol, shown, item.fraction, {})) as [RunReport];
      const got = combined(protocol, parts, item.fraction, wordBytesOf(shown));
      maxError = Math.max(maxError, largestDifference(wanted, got));
    }
  }
  const sorted = seconds.sort((a, b) => a - b);
  const { profile } = reports[0]!;
  return {
    case: item.name,
    seconds: sorted[sorted.length >> 1]!,
    min: sorted[0]!,
    rounds: reports[0]!.rounds,
    bytesPerParty: Math.max(...reports.map((report) => report.bytes)),
    maxError,
    cpuSeconds: cpu.sort((a, b) => a - b)[cpu.length >> 1]!,
    ...(profile ? { profile } : {}),
  };
}

function combined(
  protocol: string,
  parts: readonly Uint8Array[],
  fraction: number,
  wordBytes: WordBytes,
): Float64Array {
  const { buffer } = protocolNamed(protocol).sharing.combine(parts, wordBytes).slice();
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
export async function calibrate(
  cluster: BenchCluster,
  gmacs: number,
  slow: boolean,
): Promise<Record<string, number | string>> {
  if (!slow) await cluster.ring(64, warmUpRounds);
  const small = await cluster.ring(64, slow ? 20 : 500);
  const large = await cluster.ring(2 ** 20, slow ? 3 : 30);
  return {
    case: "calibration",
    kernelGmacs: gmacs,
    roundMicroseconds: small * 1e6,
    mebibyteRingMilliseconds: large * 1e3,
  };
}
