/** docs/functions.md says what the code does: names, domains, methods, costs; its errors are within those that tests hold. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { functionFacts, functionLine, listed } from "../../bench/functions.js";

const page = readFileSync(new URL("../../docs/functions.md", import.meta.url), "utf8");
/** Cells of the rows between a table's markers. */
function rowsOf(table: string): string[][] {
  const [begin, end] = [`<!-- begin ${table} -->`, `<!-- end ${table} -->`].map((marker) => page.indexOf(marker));
  assert.ok(begin! > 0 && end! > begin!, `markers of ${table}`);
  return page.slice(begin, end).trim().split("\n").slice(3).map(cellsOf);
}
const cellsOf = (line: string) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
/** Columns of errors. */
const errors = { at: 3, count: 2 };

test("docs/functions.md is current; try `npm run functions`", () => {
  for (const table of ["elements", "axes"]) {
    const entries = listed.filter((entry) => functionFacts(entry).table === table);
    const rows = rowsOf(table);
    const facts = rows.map((cells) => cells.filter((_, i) => i < errors.at || i >= errors.at + errors.count));
    assert.deepEqual(
      facts,
      entries.map((entry) => cellsOf(functionLine(functionFacts(entry)))),
    );
    for (const [row, { name, error }] of entries.entries())
      error.forEach((stated, i) => {
        const cell = rows[row]![errors.at + i]!;
        const shown = cell === "exact" ? 0 : Number(cell);
        assert.ok(shown <= Number(stated.toExponential(1)), `${name}: ${cell}, but tests allow ${stated}`);
      });
  }
});
