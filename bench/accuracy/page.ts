/** docs/accuracy.md and its pictures, made of what runs have left in docs/accuracy.json. Measures nothing. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Line, picture } from "./curves.js";
import { type Result, verdicts } from "./run.js";
import type { Task } from "./task.js";
import { tasks } from "./tasks.js";

/** A path from the repository's root, from the sources and from dist/. */
export const root = (path: string): string =>
  fileURLToPath(new URL(`${import.meta.url.endsWith(".ts") ? "../.." : "../../.."}/${path}`, import.meta.url));
export const recordFile = root("docs/accuracy.json");

/** Results by task, the newest of each. */
export type Results = Readonly<{ [task: string]: Result }>;
export const record = (): Results =>
  existsSync(recordFile) ? (JSON.parse(readFileSync(recordFile, "utf8")) as Results) : {};

/** Points of a curve at most: more steps are drawn as means of their neighbours. */
const mostPoints = 180;
const six = (value: number): number => Number(value.toPrecision(6));
function binned(values: readonly number[], of: (list: readonly number[]) => number): number[] {
  const count = Math.min(mostPoints, values.length);
  return Array.from({ length: count }, (_, i) =>
    six(of(values.slice(Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count)))),
  );
}
const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;

/** What is kept of a run: curves of so many points as are drawn. */
export function thinned(result: Result): Result {
  const { twin, reference } = result;
  const curve = <T extends { readonly losses: readonly number[] }>(of: T): T => ({
    ...of,
    losses: binned(of.losses, mean),
  });
  return {
    ...curve(result),
    ...(reference ? { reference: curve(reference) } : {}),
    ...(twin
      ? { twin: { ...curve(twin), lossDifferences: binned(twin.lossDifferences, (list) => Math.max(...list)) } }
      : {}),
  };
}

/** By path. */
export function pictures(results: Results): { [path: string]: string } {
  const drawn = shown(results).filter(([, { losses }]) => losses.length > 1);
  return Object.fromEntries(drawn.map(([task, result]) => [pathOf(task), drawing(task, result)]));
}
const pathOf = ({ name }: Task): string => `docs/images/accuracy-${name}.svg`;
const altOf = ({ title }: Task): string => `Loss by step: ${title}, on secrets and in the clear`;

function drawing(task: Task, { losses, twin, reference, steps }: Result): string {
  const lines: Line[] = [{ name: "secret", values: losses }];
  if (reference) lines.push({ name: "in the clear", values: reference.losses });
  else if (twin) lines.push({ name: "twin", values: twin.losses });
  const differences = twin?.alike ? [{ name: "secret and twin", values: twin.lossDifferences }] : [];
  return picture(altOf(task), steps, lines, differences);
}

const shown = (results: Results): [Task, Result][] =>
  tasks.flatMap((task) => (results[task.name] ? [[task, results[task.name]!] as [Task, Result]] : []));
const percent = (list: readonly number[] | undefined): string =>
  list && list.length > 0 ? `${list.at(-1)!.toFixed(2)} %` : "";
const time = (seconds: number): string =>
  seconds < 120 ? `${seconds.toPrecision(3)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

const head = `# Accuracy

Whole trainings on secret data, and the same in the clear. This page, its pictures and the numbers behind them (\`accuracy.json\`) are
written by \`npm run bench -- accuracy --compare --write\`, one training or all of them (\`--only NAME\`); no figure is by hand.

Each training runs in processes of its own over mutual TLS on one machine: the parties, Alice and Bob, each of whom shares what is hers
or his and agrees to what may be revealed, and a driver. Beside the secret run:

- **in the clear**: the same network, first values and order of rows, trained in float64 by code that shares nothing with secretgrad
  (\`bench/convnets.ts\`, \`bench/accuracy/nets.ts\`); momentum and rates there are not rounded to ten bits.
- **twin**: the very plans that the parties run, evaluated in float64 (\`src/clear/\`), step by step, with every bound watched. What is
  left between both is the rounding of fixed point, carried on through the training. Sums of waves that approximate a function are the
  same on both sides. Masks of dropout are the parties' own: a twin of real parties draws others.
`;

export function page(results: Results): string {
  const all = shown(results);
  const rows = all.map(([task, result]) => {
    const { accuracies, reference, twin, steps, seconds, rounds, protocol } = result;
    const apart =
      twin?.alike && twin.lossDifferences.length > 0 ? Math.max(...twin.lossDifferences).toExponential(1) : "";
    const each = steps > 0 ? Math.round(rounds / steps) : rounds;
    return `| [${task.title}](#${anchor(task)}) | ${protocol} | **${percent(accuracies)}** | ${percent(reference?.accuracies)} | ${percent(twin?.accuracies)} | ${apart} | ${time(seconds)} | ${each} |`;
  });
  return [
    head,
    "| training | protocol | test rows right, secret | in the clear | twin | largest difference of a step's loss from the twin's | time with its tests | rounds a step |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map((row) => row.replaceAll("****", "")),
    ...all.flatMap(([task, result]) => section(task, result)),
    "",
  ].join("\n");
}
const anchor = ({ title }: Task): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");

const steps = (result: Result): string => (result.steps > 1 ? ` for ${result.steps} steps and their tests` : "");

function section(task: Task, result: Result): string[] {
  const { title, setting } = task;
  const lines = ["", `## ${title}`, "", `${setting[0]!.toUpperCase()}${setting.slice(1)}.`];
  const { losses, accuracies, twin, reference, figures, table, bytes } = result;
  if (losses.length > 1) lines.push("", `![${altOf(task)}](images/accuracy-${task.name}.svg)`);
  const list: string[] = [];
  if (losses.length > 1)
    list.push(`Loss ${losses[0]!.toPrecision(4)} at first, ${losses.at(-1)!.toPrecision(4)} at last.`);
  const each = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(", ");
  if (accuracies.length > 1) {
    list.push(`Per cent right after each epoch, secret: ${each(accuracies)}.`);
    if (reference) list.push(`In the clear: ${each(reference.accuracies)}.`);
    if (twin) list.push(`Twin: ${each(twin.accuracies)}.`);
  }
  for (const { name, value } of figures)
    list.push(`${name[0]!.toUpperCase()}${name.slice(1)}: ${value.toExponential(1)}.`);
  if (twin)
    list.push(twin.overflows.length === 0 ? "No value left its bound." : `Overflows: ${twin.overflows.join("; ")}.`);
  list.push(`${time(result.seconds)}${steps(result)}, with a load of ${result.load.toFixed(1)} before it.`);
  list.push(`Sent by party: ${bytes.map((sent) => `${(sent / 1e6).toPrecision(3)} MB`).join(", ")}.`);
  for (const { what, value, bar, kept } of verdicts(task, result)) {
    const limit = bar.atLeast === undefined ? `at most ${bar.atMost}` : `at least ${bar.atLeast}`;
    if (what !== "overflows") list.push(`${kept ? "Kept" : "**Missed**"}: ${what} ${limit} (${value.toPrecision(3)}).`);
  }
  lines.push("", ...list.map((item) => `- ${item}`));
  if (table)
    lines.push(
      "",
      `| ${table.heads.join(" | ")} |`,
      `| ${table.heads.map(() => "---").join(" | ")} |`,
      ...table.rows.map((row) => `| ${row.join(" | ")} |`),
    );
  return lines;
}
