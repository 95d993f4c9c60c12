/** FEATURES.md is what the code gives. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("FEATURES.md is current", () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const args = ["--import", import.meta.resolve("tsx"), "scripts/features.mjs", "--check"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
