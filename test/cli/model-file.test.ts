/** What a hostile model.json cannot have read: files that are no shards, and more than fits into memory. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CommandError } from "../../cli/errors.js";
import { openTfjs } from "../../cli/model-file.js";
import { ModelFileError } from "../../src/errors.js";
import { folder } from "../models/fixtures.js";
import { failure } from "../party/helpers.js";
import { temporaryDirectory } from "./program.js";

const directory = temporaryDirectory();
cpSync(join(folder, "tfjs-small"), directory, { recursive: true });
const path = join(directory, "model.json");
const genuine = JSON.parse(readFileSync(path, "utf8"));
function open(paths: readonly string[]) {
  const [group, ...others] = genuine.weightsManifest;
  const json = { ...genuine, weightsManifest: [{ ...group, paths }, ...others] };
  return openTfjs(path, Buffer.from(JSON.stringify(json)));
}

test("a model's shards are files beside it that end in .bin, and no others", async () => {
  assert.ok((await open(["weights.bin"])).inputs.length > 0);
  writeFileSync(join(directory, "driver.pem"), readFileSync(join(directory, "weights.bin")));
  cpSync(join(directory, "weights.bin"), join(directory, ".hidden.bin"));
  const names = ["driver.pem", ".hidden.bin", "../weights.bin", join(directory, "weights.bin"), "a/../weights.bin"];
  for (const name of [...names, "a\\weights.bin", "weights.bin\0.bin", "driver.pem\n.bin/", ".bin", "..", ""]) {
    const error = await failure(open([name]));
    assert.ok(error instanceof ModelFileError && /\.bin/.test(error.message), `${name}: ${error}`);
  }
});

test("shards that are too large together are not read", async () => {
  const names = ["a.bin", "b.bin", "c.bin"];
  for (const name of names) {
    writeFileSync(join(directory, name), "");
    // Takes no room on the disk.
    truncateSync(join(directory, name), 200 * 2 ** 20);
  }
  const error = await failure(open(names));
  assert.ok(error instanceof CommandError && /at most 536870912 bytes, got 629145600 or more/.test(error.message));
});
