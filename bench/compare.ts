/** Rows of several `--json` files side by side, by case: ours and those of `peers/`. Measures nothing. */
import { readFileSync } from "node:fs";

interface FoundRow {
  readonly case: string;
  readonly seconds?: number;
  /** Of ours: the median of the runs as they came, as the peers' are. */
  readonly secondsAsTheyCame?: number;
  readonly rounds?: number;
  readonly bytesPerParty?: number;
  /** Why there are no figures. */
  readonly error?: string;
}

/** A Markdown table: a row for each case, milliseconds, rounds and MB for each file, and times the first one's time. */
export function compareRows(files: readonly string[], names: readonly string[] = files): string {
  const tables = files.map((file) => {
    const lines = readFileSync(file, "utf8").split("\n");
    const rows = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as FoundRow);
    return new Map(
      rows.map(({ secondsAsTheyCame, ...row }) => [
        row.case,
        secondsAsTheyCame ? { ...row, seconds: secondsAsTheyCame } : row,
      ]),
    );
  });
  const cell = (row: FoundRow | undefined, first: FoundRow | undefined) => {
    if (row?.seconds === undefined) return row?.error ?? "";
    const { seconds, rounds, bytesPerParty } = row;
    const times = row === first || !first?.seconds ? "" : ` (${(seconds / first.seconds).toFixed(1)}×)`;
    const sent = bytesPerParty === undefined ? "" : `, ${(bytesPerParty / 1e6).toFixed(3)} MB`;
    return `${(seconds * 1000).toFixed(1)} ms${times}${rounds === undefined ? "" : `, ${rounds} rounds`}${sent}`;
  };
  const found = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  const timed = found.filter((name) => tables.some((table) => table.get(name)?.seconds !== undefined));
  return [
    `| case | ${names.join(" | ")} |`,
    `|---${"|---".repeat(files.length)}|`,
    ...timed.map((name) => {
      const first = tables[0]!.get(name);
      return `| ${name} | ${tables.map((table) => cell(table.get(name), first)).join(" | ")} |`;
    }),
  ].join("\n");
}
