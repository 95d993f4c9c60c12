/** docs/models.md lists every operator and layer that there is, and none that there is not. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { layers } from "../../src/models/keras/layers.js";
import { operators } from "../../src/models/onnx/operators/table.js";

const page = readFileSync(join(import.meta.dirname, "../../docs/models.md"), "utf8");
const listed = (from: string, to: string): string[] => {
  const section = page.slice(page.indexOf(from), page.indexOf(to, page.indexOf(from)));
  return [...section.matchAll(/`([A-Z][A-Za-z0-9]*)`/g)].map(([, name]) => name!);
};
/** Made by folding. */
const own = ["ScaleShift", "BatchNorm"];

test("docs/models.md lists ONNX's operators and Keras's layers", () => {
  const wanted = Object.keys(operators).filter((name) => !own.includes(name));
  assert.deepEqual(listed("## ONNX operators", "Limits:").sort(), wanted.sort());
  assert.deepEqual(listed("## Keras layers", "Limits:").sort(), Object.keys(layers).sort());
});
