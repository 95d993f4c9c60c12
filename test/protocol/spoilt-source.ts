/** Additive sharing from a spoilt copy of its source: flaws that cannot be brought about from outside. Not the list of them. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** `from` is found in `file` exactly once, and becomes `to`. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
type Additive = typeof import("../../src/protocol/additive/index.js");
const SOURCE = new URL("../../src/protocol/additive/", import.meta.url);

/** Additive sharing from a copy of its source with these changes; all else is the original. */
export async function spoiltAdditive(edits: readonly Edit[]): Promise<Additive> {
  const folder = mkdtempSync(join(tmpdir(), "secretgrad-mutant-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const file of readdirSync(SOURCE)) {
      let text = readFileSync(new URL(file, SOURCE), "utf8");
      for (const { from, to } of edits.filter((edit) => edit.file === file)) {
        assert.equal(
          text.split(from).length,
          2,
          `${file} must contain this once, or the mutation is out of date: ${from}`,
        );
        text = text.replace(from, () => to);
      }
      const outside = (_: string, path: string) => `from "${new URL(`${path}.ts`, SOURCE)}"`;
      writeFileSync(join(folder, file), text.replace(/from "(\.\.\/.+)\.js"/g, outside));
    }
    for (const { file } of edits) assert.ok(readdirSync(SOURCE).includes(file), `no file ${file}`);
    return (await import(pathToFileURL(join(folder, "index.ts")).href)) as Additive;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
