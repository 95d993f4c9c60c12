// Sweeps every function and rewrites the tables of docs/functions.md, each between its two markers: `npm run functions`, after
// `npm run build`; some minutes of one core. With a file: of the rows that `npm run bench -- functions --json` has written there.
// A test holds names, domains, methods and costs current; errors are as of the last sweep.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { functionHeader, functionLine } from "../dist/bench/functions.js";

const page = fileURLToPath(new URL("../docs/functions.md", import.meta.url));
const [file] = process.argv.slice(2);
const text = file ? readFileSync(file, "utf8") : sweep();
const rows = text
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

let whole = readFileSync(page, "utf8");
for (const name of ["elements", "axes"]) {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/functions.md: expected ${begin} and ${end}, got neither`);
  const lines = rows.filter(({ table }) => table === name).map((row) => functionLine(row));
  if (lines.length === 0)
    throw new Error(`functions: expected rows of ${name}, got none; try a sweep of all functions`);
  whole = [whole.slice(0, from + begin.length), functionHeader, ...lines, whole.slice(to)].join("\n");
}
writeFileSync(page, whole);

function sweep() {
  const main = fileURLToPath(new URL("../dist/bench/main.js", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [main, "functions", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`npm run bench -- functions --json ended with ${status}`);
  return stdout;
}
