/** The ONNX project's own cases: every operator that is listed gives what ONNX says, within 1e-3, on fixed-point numbers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LocalSession } from "../../src/index.js";
import { local } from "../../src/index.js";
import { operators } from "../../src/models/onnx/operators/table.js";
import { readModel } from "../../src/models/onnx/wire.js";
import { caseNames, distance, readCase, runCase } from "./onnx-cases.js";

const root = join(import.meta.dirname, "../fixtures/onnx");
const suites = ["node", "pytorch-converted", "pytorch-operator"];
const cases = suites.flatMap((suite) => caseNames(join(root, suite)).map((name) => readCase(join(root, suite), name)));

let session: LocalSession;
before(async () => {
  session = await local({ protocol: "plain", quiet: true });
});
after(() => session.close());

for (const each of cases)
  test(each.name, async () => {
    const outputs = await runCase(session, each);
    outputs.forEach((output, i) => {
      const wanted = each.outputs[i]!;
      assert.deepEqual([...output.shape], [...wanted.shape]);
      assert.ok(distance(output.data, wanted.data) < 1e-3, `${distance(output.data, wanted.data)}`);
    });
  });

/** Operators without a case that is small and of ONNX's data; tests beside this one have them. */
const elsewhere =
  "Constant ConstantOfShape Range Mod Floor Ceil ScaleShift BatchNorm GRU GroupNormalization Gelu Mish".split(" ");

test("every operator has a case", () => {
  const used = new Set(cases.flatMap(({ bytes }) => readModel(bytes).graph.nodes.map(({ type }) => type)));
  const missing = Object.keys(operators).filter((type) => !used.has(type) && !elsewhere.includes(type));
  assert.deepEqual(missing, []);
});
