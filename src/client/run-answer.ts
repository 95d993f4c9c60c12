/**
 * What parties answer to a run, checked before it is believed: whoever answers may be broken or hostile. Not a proof
 * that the values are right, which is the protocol's promise.
 */
import * as v from "valibot";
import { FrameError } from "../errors.js";
import type { Sharing } from "../protocol/index.js";
import { size, type WordBytes } from "../ring/index.js";
import type { PendingReveal } from "../tensor/index.js";
import type { CallResult, PartyCaller } from "./caller.js";

/** A value that the parties are to reveal. */
type Expected = Pick<PendingReveal, "label" | "shape">;

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const duration = v.pipe(v.number(), v.finite(), v.minValue(0));
const operatorTime = v.object({
  op: v.pipe(v.string(), v.maxLength(100)),
  seconds: duration,
  waiting: duration,
  bytes: natural,
});
const schema = v.object({
  run: natural,
  reveals: v.array(v.object({ label: v.string(), bytes: natural })),
  stats: v.optional(
    v.object({
      ...{ rounds: natural, bytes: natural, seconds: v.pipe(v.number(), v.finite()) },
      operators: v.optional(v.pipe(v.array(operatorTime), v.maxLength(1000))),
    }),
  ),
});

/** What all nodes of one operator took at a party. */
export interface OperatorReport {
  readonly op: string;
  /** Processor time of local work. */
  readonly seconds: number;
  /** From handing over messages until those of the others are there; of rounds that operators share, by bytes. */
  readonly waiting: number;
  /** Payload that the party sent. */
  readonly bytes: number;
}
/** What a run cost, as the parties report it. */
export interface RunReport {
  readonly run: number;
  readonly rounds: number;
  /** Payload bytes sent, by party. */
  readonly bytes: readonly number[];
  /** The slowest party's. */
  readonly seconds: number;
  /** The same party's, by operator; in runs that `profileEvery` asked for. */
  readonly operators?: readonly OperatorReport[];
}
export interface RunResult {
  readonly report: RunReport;
  /** In the order of the reveals. */
  readonly words: readonly BigInt64Array[];
}

/** Throws FrameError naming the party whose answer does not fit; else adds up the parts of every reveal. */
export function readAnswers(
  parties: readonly Pick<PartyCaller, "name">[],
  answers: readonly CallResult[],
  reveals: readonly Expected[],
  sharing: Pick<Sharing, "combine">,
  wordBytes: WordBytes,
): RunResult {
  const read = answers.map(({ result, body }, i) => readOne(parties[i]!.name, result, body, reveals, wordBytes));
  const first = read[0]!;
  read.forEach(({ run }, i) => {
    if (run !== first.run)
      throw new FrameError(
        `run: expected one run number, got ${first.run} from ${parties[0]!.name} and ${run} from ${parties[i]!.name}`,
      );
  });
  const words = reveals.map((reveal) => {
    const parts = read.map(({ parts }) => parts.get(reveal.label)!);
    // A copy at an aligned offset; slice() of a Buffer would not be one.
    const combined = new Uint8Array(sharing.combine(parts, wordBytes));
    if (combined.length !== wordBytes * size(reveal.shape))
      throw new FrameError(
        `run: expected ${size(reveal.shape)} words for reveal ${reveal.label}, got ${combined.length / wordBytes}`,
      );
    const { buffer } = combined;
    return wordBytes === 8 ? new BigInt64Array(buffer) : BigInt64Array.from(new Int32Array(buffer), BigInt);
  });
  const slowest = read.reduce((a, b) => ((b.stats?.seconds ?? 0) > (a.stats?.seconds ?? 0) ? b : a));
  const report = {
    run: first.run,
    rounds: Math.max(...read.map(({ stats }) => stats?.rounds ?? 0)),
    bytes: read.map(({ stats }) => stats?.bytes ?? 0),
    seconds: slowest.stats?.seconds ?? 0,
    ...(slowest.stats?.operators ? { operators: slowest.stats.operators } : {}),
  };
  return { report, words };
}

function readOne(party: string, result: unknown, body: Uint8Array, reveals: readonly Expected[], wordBytes: WordBytes) {
  const parsed = v.safeParse(schema, result);
  if (!parsed.success)
    throw new FrameError(
      `run: expected an answer of ${party} with a run, reveals and stats, got another; try the same release`,
    );
  const { run, reveals: given, stats } = parsed.output;
  const parts = new Map<string, Uint8Array>();
  let at = 0;
  for (const { label, bytes } of given) {
    if (parts.has(label) || at + bytes > body.length) break;
    parts.set(label, body.subarray(at, at + bytes));
    at += bytes;
  }
  const fits = reveals.every(({ label, shape }) => parts.get(label)?.length === wordBytes * size(shape));
  if (!fits || parts.size !== reveals.length || given.length !== reveals.length || at !== body.length)
    throw new FrameError(
      `run: expected ${party}'s parts of reveals [${reveals.map((reveal) => reveal.label)}] and nothing else, got other parts or lengths`,
    );
  return { run, stats, parts };
}
