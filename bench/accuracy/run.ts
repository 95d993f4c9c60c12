/** One training: on secrets, beside its twin in the clear if that is wanted, and by its reference. Not how it is shown (page.ts). */
import { loadavg } from "node:os";
import { ClearTwin, type RunReport } from "../../src/index.js";
import { open } from "./sessions.js";
import type { Bar, Record, Reference, Size, Task } from "./task.js";

export interface RunOptions {
  readonly protocol: string;
  readonly transport: "tls" | "memory";
  /** Also every step in the clear. */
  readonly compare: boolean;
  readonly onProgress?: (text: string) => void;
}
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly bar?: Bar;
}
export interface Result {
  readonly task: string;
  readonly protocol: string;
  readonly transport: string;
  readonly rows?: number | undefined;
  readonly epochs: number;
  /** Mean losses by step, and per cent by test. */
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
  /** Of the twin, which ran the same plans in float64. */
  readonly twin?: Reference & {
    /** By step: |secret - clear| of the loss. */
    readonly lossDifferences: readonly number[];
    readonly overflows: readonly string[];
    /** Whether it met the same masks and rows. */
    readonly alike: boolean;
  };
  /** By code of its own. */
  readonly reference?: Reference;
  readonly figures: readonly Figure[];
  readonly table?: { readonly heads: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** Of the training and its tests, without sharing the data. */
  readonly seconds: number;
  /** What the machine had to do besides, in the minute before. */
  readonly load: number;
  readonly steps: number;
  readonly rounds: number;
  /** Payload sent, by party. */
  readonly bytes: readonly number[];
}

interface Entry {
  readonly kind: "loss" | "hits" | "other";
  readonly rows: number;
  readonly more: boolean;
  value: number;
}

/** What a training tells, in the order of its reveals. */
class Notes implements Record {
  readonly entries: Entry[] = [];
  readonly figures: Figure[] = [];
  shown: Result["table"];
  readonly #pending: Promise<unknown>[] = [];
  #failure: unknown;

  constructor(readonly onProgress: (text: string) => void) {}

  #add(kind: Entry["kind"], rows: number, more = false): Entry {
    if (this.#failure) throw this.#failure;
    const entry = { kind, rows, more, value: Number.NaN };
    this.entries.push(entry);
    return entry;
  }
  loss(value: Promise<number>, rows: number): void {
    const entry = this.#add("loss", rows);
    // Not awaited, so that the parties need not wait for us between two steps.
    this.#pending.push(
      value.then(
        (loss) => {
          entry.value = loss;
          const losses = this.losses();
          if (losses.length % 20 === 0) this.onProgress(`step ${losses.length}: loss ${loss.toFixed(4)}`);
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      ),
    );
  }
  async hits(value: Promise<number>, rows: number, part?: "more"): Promise<void> {
    const entry = this.#add("hits", rows, part === "more");
    entry.value = await value;
    this.onProgress(
      `${this.losses().length} steps: ${percentages(this.entries, ({ value }) => value)
        .at(-1)!
        .toFixed(2)} %`,
    );
  }
  async values(value: Promise<{ readonly data: Float64Array }>, as?: "loss"): Promise<Float64Array> {
    const entry = this.#add(as ?? "other", 1);
    const { data } = await value;
    entry.value = data[0]!;
    if (as && this.losses().length % 20 === 0)
      this.onProgress(`step ${this.losses().length}: loss ${data[0]!.toFixed(4)}`);
    return data;
  }
  figure(name: string, value: number, bar?: Bar): void {
    this.figures.push({ name, value, ...(bar ? { bar } : {}) });
  }
  table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
    this.shown = { heads, rows };
  }
  losses(): number[] {
    return this.entries.flatMap(({ kind, value }) => (kind === "loss" && !Number.isNaN(value) ? [value] : []));
  }
  async done(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure) throw this.#failure;
  }
}

/** Of the tests, each of one part or several. */
function percentages(entries: readonly Entry[], partOf: (entry: Entry, i: number) => number): number[] {
  const tests: { hits: number; rows: number }[] = [];
  entries.forEach((entry, i) => {
    if (entry.kind !== "hits") return;
    if (!entry.more) tests.push({ hits: 0, rows: 0 });
    const test = tests.at(-1)!;
    test.hits += partOf(entry, i);
    test.rows += entry.rows;
  });
  return tests.map(({ hits, rows }) => (100 * hits) / rows);
}

export async function run(task: Task, size: Size, options: RunOptions): Promise<Result> {
  const { protocol, transport, compare, onProgress = () => {} } = options;
  const clear: number[] = [];
  const overflows: string[] = [];
  let alike = true;
  const twin = compare
    ? new ClearTwin({
        onStep(step) {
          alike = step.alike;
          for (const { clear: values } of step.revealed) clear.push(values[0]!);
        },
        onOverflow: ({ op, near, largest, limit }) => overflows.push(`${op} of ${near.join()}: ${largest} of ${limit}`),
      })
    : undefined;
  const reports: RunReport[] = [];
  const place = await open(task, size, {
    ...{ protocol, transport, onRun: (report) => reports.push(report) },
    ...(twin ? { twin } : {}),
  });
  const notes = new Notes(onProgress);
  const [load] = loadavg() as [number];
  const began = performance.now();
  try {
    await task.train(place.session, size, notes);
    await notes.done();
    await place.session.flush();
  } finally {
    await place.close();
  }
  const seconds = (performance.now() - began) / 1000;
  const { entries, figures, shown } = notes;
  const losses = notes.losses();
  const members = reports[0]?.bytes.length ?? 0;
  const twinLosses = entries.flatMap(({ kind, rows }, i) => (kind === "loss" ? [clear[i]! / rows] : []));
  return {
    ...{ task: task.name, protocol, transport, rows: size.rows, epochs: size.epochs ?? task.epochs },
    losses,
    accuracies: percentages(entries, ({ value }) => value),
    ...(twin
      ? {
          twin: {
            losses: twinLosses,
            accuracies: percentages(entries, (_, i) => clear[i]!),
            lossDifferences: losses.map((loss, i) => Math.abs(loss - twinLosses[i]!)),
            overflows,
            alike,
          },
        }
      : {}),
    ...(task.reference ? { reference: await task.reference(size) } : {}),
    figures,
    ...(shown ? { table: shown } : {}),
    ...{ seconds, load, steps: losses.length },
    rounds: reports.reduce((sum, report) => sum + report.rounds, 0),
    bytes: Array.from({ length: members }, (_, party) => reports.reduce((sum, { bytes }) => sum + bytes[party]!, 0)),
  };
}

export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly bar: Bar;
  readonly kept: boolean;
}
/** Per cent that a run may be away from the same run in the clear. */
const nearEnough = 0.3;

/** What was promised of a whole run, and whether it came. */
export function verdicts(task: Task, result: Result): Verdict[] {
  const whole = result.rows === undefined && result.epochs === task.epochs;
  const list: Omit<Verdict, "kept">[] = [];
  const last = result.accuracies.at(-1);
  if (whole && task.accuracy && last !== undefined)
    list.push({ what: "per cent of the test rows", value: last, bar: task.accuracy });
  for (const [who, other] of [
    ["reference", result.reference],
    ["twin", result.twin],
  ] as const)
    if (whole && task.accuracy && last !== undefined && other)
      list.push({
        what: `points away from the ${who} in the clear`,
        value: Math.abs(last - other.accuracies.at(-1)!),
        bar: { atMost: nearEnough },
      });
  if (result.twin) list.push({ what: "overflows", value: result.twin.overflows.length, bar: { atMost: 0 } });
  for (const { name, value, bar } of result.figures) if (bar) list.push({ what: name, value, bar });
  return list.map((each) => ({ ...each, kept: keeps(each.value, each.bar) }));
}
const keeps = (
  value: number,
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Bar,
): boolean => value >= atLeast && value <= atMost;
