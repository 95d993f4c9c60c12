/** `npm run bench -- accuracy`: runs the trainings that are wanted and says what came of them. The runs themselves are in run.ts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { page, pictures, record, recordFile, root, thinned } from "./page.js";
import { type Result, run, verdicts } from "./run.js";
import type { Size } from "./task.js";
import { tasks } from "./tasks.js";

export interface AccuracyOptions {
  readonly only: string;
  readonly protocol: string;
  readonly transport: "tls" | "memory";
  readonly compare: boolean;
  readonly write: boolean;
  readonly json: boolean;
  readonly size: Size;
}

/** Resolves with whether everything promised was kept. A task whose data is not here is named and left out. */
export async function accuracy({ only, size, json, write, ...options }: AccuracyOptions): Promise<boolean> {
  const wanted = tasks.filter(({ name }) => name.includes(only));
  if (wanted.length === 0)
    throw new Error(
      `accuracy: expected --only to name one of ${tasks.map(({ name }) => name).join(", ")}, got "${only}"`,
    );
  let kept = true;
  for (const task of wanted) {
    const shared = await task.shared(size);
    if (typeof shared === "string") {
      console.error(`SKIPPED ${shared}`);
      continue;
    }
    const tell = (text: string) => console.error(`${task.name}: ${text}`);
    const result = await run(task, size, { ...options, onProgress: json ? () => {} : tell });
    console.log(json ? JSON.stringify(result) : textOf(result));
    for (const { what, value, bar, kept: well } of verdicts(task, result)) {
      kept &&= well;
      const limit = bar.atLeast === undefined ? `at most ${bar.atMost}` : `at least ${bar.atLeast}`;
      if (!json || !well)
        console.error(`${task.name}: ${well ? "kept" : "MISSED"}: ${what} ${value.toPrecision(4)}, ${limit}`);
    }
    if (write) save(result);
  }
  return kept;
}

/** Writes one result into the record, and the page and its pictures from all of them. */
function save(result: Result): void {
  if (result.rows !== undefined || result.transport !== "tls")
    throw new Error(
      "accuracy: expected a whole run over TLS to write, got another; try without --rows and --transport",
    );
  const all = { ...record(), [result.task]: thinned(result) };
  writeFileSync(recordFile, `${JSON.stringify(all)}\n`);
  for (const [path, text] of Object.entries({ ...pictures(all), "docs/accuracy.md": page(all) })) {
    mkdirSync(dirname(root(path)), { recursive: true });
    writeFileSync(root(path), text);
  }
}

function textOf({
  task,
  losses,
  accuracies,
  twin,
  reference,
  seconds,
  steps,
  rounds,
  bytes,
  figures,
  table,
}: Result): string {
  const percent = (list: readonly number[]) => list.map((value) => value.toFixed(2)).join(" ");
  const lines = [
    `${task}: ${steps} steps in ${seconds.toFixed(1)} s, ${rounds} rounds, ${bytes.map((sent) => `${(sent / 1e6).toFixed(1)} MB`).join(", ")}`,
    ...(losses.length > 0 ? [`  loss ${losses[0]!.toFixed(4)} … ${losses.at(-1)!.toFixed(4)}`] : []),
    ...(accuracies.length > 0 ? [`  secret     ${percent(accuracies)} %`] : []),
    ...(twin
      ? [
          `  twin       ${percent(twin.accuracies)}${twin.accuracies.length > 0 ? " %; " : ""}losses differ by up to ${Math.max(0, ...twin.lossDifferences).toExponential(1)}`,
          ...twin.overflows.map((overflow) => `  OVERFLOW ${overflow}`),
        ]
      : []),
    ...(reference
      ? [`  reference  ${percent(reference.accuracies)} %; loss … ${reference.losses.at(-1)?.toFixed(4)}`]
      : []),
    ...figures.map(({ name, value }) => `  ${name}: ${value.toExponential(1)}`),
    ...(table ? [table.heads, ...table.rows].map((row) => `  ${row.map((cell) => cell.padEnd(15)).join("")}`) : []),
  ];
  return lines.join("\n");
}
