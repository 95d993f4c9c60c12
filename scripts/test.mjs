// Runs all tests, or those whose path contains a given text: `npm test -- protocol`. Node 20 expands no globs itself.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const wanted = process.argv.slice(2);
const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => join("test", path))
  .filter((path) => wanted.length === 0 || wanted.some((text) => path.includes(text)))
  .sort();
if (files.length === 0) {
  console.error(`test: expected a part of a test file's path, got ${wanted.join(" ")}`);
  process.exit(2);
}
const args = [
  "--import",
  "tsx",
  "--import",
  "./test/setup.ts",
  "--test",
  "--test-concurrency=2",
  "--test-reporter=spec",
  ...files,
];
const run = spawnSync(process.execPath, args, { stdio: "inherit" });
process.exit(run.status ?? 1);
