/**
 * CrypTen's own list of operators as a conformance test: every method with inputs over wide domains against float64, with
 * tolerances of this project. CrypTen's tests allow half of the value. FEATURES.md shows the list.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { arithmetic } from "./arithmetic.js";
import type { Clear } from "./clear.js";
import { functions } from "./functions.js";
import type { Row } from "./row.js";
import { shapes } from "./shapes.js";
import { windows } from "./windows.js";

const groups: Readonly<Record<string, readonly Row[]>> = { arithmetic, functions, windows, shapes };
const listed = JSON.parse(readFileSync(new URL("../../scripts/crypten.json", import.meta.url), "utf8")) as {
  operators: Record<string, Record<string, string>>;
};
/** Their results are random; test/nn/dropout.test.ts has them. */
const random = ["dropout", "_feature_dropout"];

test("the table has a row for every method that FEATURES.md lists, and no other one", () => {
  const names = Object.values(listed.operators).flatMap((group) => Object.keys(group));
  const rows = new Set(
    [...Object.values(groups).flat(), ...random.map((crypten) => ({ crypten }))].map((row) => row.crypten),
  );
  assert.deepEqual([...rows].sort(), names.sort());
});

const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/** All rows of a group in one plan; the largest error in units of what a row allows. */
async function compare(
  rows: readonly Row[],
  protocol: "plain" | "rep3" | "additive-2",
  fraction: 16 | 20,
): Promise<number> {
  const session = await quiet({ protocol, insecure: true, fraction });
  try {
    const results: { row: Row; got: Tensor; wanted: Clear }[] = [];
    for (const row of rows) {
      const inputs = row.inputs.map(({ data, shape }) => session.secret(data, shape));
      const wanted = asList(row.clear(...row.inputs));
      const got = asList(row.here(...inputs));
      assert.equal(got.length, wanted.length, row.crypten);
      for (const [i, tensor] of got.entries()) results.push({ row, got: tensor, wanted: wanted[i]! });
    }
    const shown = await Promise.all(results.map(({ got }) => got.reveal()));
    let most = 0;
    for (const [i, { row, wanted }] of results.entries()) {
      const { shape, data } = shown[i]!;
      assert.deepEqual([...shape], [...wanted.shape], `${row.crypten}: shape`);
      // With four bits less four times as far, as the bar of functions is.
      const tolerance = row.tolerance * (fraction === 20 ? 1 : 4);
      wanted.data.forEach((value, at) => {
        const off = Math.abs(data[at]! - value);
        const of = row.inputs.map((input) => input.data[at] ?? "").join(", ");
        assert.ok(
          off <= tolerance * Math.max(1, Math.abs(value)),
          `${row.crypten}[${at}]${row.inputs.every(({ data: { length } }) => length === wanted.data.length) ? ` of ${of}` : ""}: expected ${value}, got ${data[at]}`,
        );
        if (tolerance > 0) most = Math.max(most, off / tolerance / Math.max(1, Math.abs(value)));
      });
    }
    return most;
  } finally {
    await session.close();
  }
}

for (const [group, rows] of Object.entries(groups)) {
  for (const [protocol, fraction] of [
    ["plain", 20],
    ["plain", 16],
    ["rep3", 20],
    ["rep3", 16],
  ] as const)
    test(`${group}: ${protocol}, ${fraction} fraction bits`, async (context) => {
      context.diagnostic(`at most ${(await compare(rows, protocol, fraction)).toFixed(2)} of what is allowed`);
    });
  test(`${group}, every third row: additive-2`, async (context) => {
    const some = rows.filter((_, i) => i % 3 === 0);
    context.diagnostic(`at most ${(await compare(some, "additive-2", 20)).toFixed(2)} of what is allowed`);
  });
}
