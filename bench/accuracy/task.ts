/**
 * What a run of `npm run bench -- accuracy` is: data of two owners, a training on a session, and what else is known of it. Not the
 * runs, see run.ts, and not their list, see tasks.ts.
 */
import { fileURLToPath } from "node:url";
import type { data, Session } from "../../src/index.js";

/** What the command line says; undefined: what the task says. */
export interface Size {
  readonly epochs?: number | undefined;
  /** Rows to train with, and at most as many to test with. */
  readonly rows?: number | undefined;
  /** Of a folder with data that is not here. */
  readonly data?: string | undefined;
}
/** A dataset of the owner whose name it begins with. */
export interface Shared {
  readonly name: string;
  readonly rows: data.RowSource;
  /** Whole numbers below 2^bound. */
  readonly bound?: number;
}
/** Where a training tells what it sees. Every revealed number goes through here, in the order of the reveals. */
export interface Record {
  /** The mean loss of a training step over so many rows. */
  loss(value: Promise<number>, rows: number): void;
  /** How many of so many test rows are right, after some steps; several parts of one test count together. */
  hits(value: Promise<number>, rows: number, part?: "more"): Promise<void>;
  /** A revealed tensor, as it is; the mean loss of a training step, if it says so. */
  values(value: Promise<{ readonly data: Float64Array }>, as?: "loss"): Promise<Float64Array>;
  /** A figure for the page. */
  figure(name: string, value: number, bar?: Bar): void;
  /** Rows of texts for the page. */
  table(heads: readonly string[], rows: readonly (readonly string[])[]): void;
}
export interface Bar {
  readonly atLeast?: number;
  readonly atMost?: number;
}
/** The same training by other means: losses by step, percentages by test. */
export interface Reference {
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
}
export interface Task {
  readonly name: string;
  /** For the page: what is trained on what. */
  readonly title: string;
  readonly setting: string;
  readonly epochs: number;
  /** Of every reveal: fewer rows are not granted. */
  readonly minRows: number;
  readonly releases: readonly ("open" | "count" | "meanLoss")[];
  /** Per cent of the test rows; undefined: none is promised. */
  readonly accuracy?: Bar;
  /** What the owners have, or why it is not there. */
  shared(size: Size): Promise<readonly Shared[] | string>;
  train(session: Session, size: Size, record: Record): Promise<void>;
  /** The same in float64 with none of secretgrad's code, from the same initial weights and in the same order of rows. */
  reference?(size: Size): Promise<Reference>;
}

/** A file of bench/data, from the sources and from dist/. */
export const dataFile = (name: string): string =>
  fileURLToPath(new URL(`${import.meta.url.endsWith(".ts") ? ".." : "../../../bench"}/data/${name}`, import.meta.url));

/** All numbers of some rows. */
export async function numbers(source: data.RowSource): Promise<Float64Array> {
  const values = new Float64Array(source.rows * source.rowShape.reduce((size, length) => size * length, 1));
  await source.read(0, source.rows, values);
  return values;
}

/** For Owner.share(). */
export const shareOptions = ({ bound }: Shared) => (bound === undefined ? {} : { format: "integer" as const, bound });
