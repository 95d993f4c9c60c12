/** What programs without types give as numbers: refused by name, or taken as PyTorch takes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, ShapeError, StaleValueError } from "../../src/index.js";
import { type Plaintext, readValues } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";

test("what is no number, or no array, is refused by name", () => {
  for (const [values, shape, kind, message] of [
    [[[1, 2], [3]], undefined, ShapeError, /expected 2 elements at depth 1, as before, got 1/],
    [[[1], 2], undefined, ShapeError, /nested arrays of equal depth/],
    [[1, 2, 3], [2, 2], ShapeError, /expected 4 numbers for shape \[2,2\], got 3/],
    [1, [2, 2], ShapeError, /expected 4 numbers for shape \[2,2\], got 1/],
    ["5", undefined, InputError, /expected numbers, got string/],
    [["5"], undefined, InputError, /expected numbers, got string/],
    [[5n], undefined, InputError, /expected numbers, got bigint/],
    [new BigInt64Array(2), undefined, InputError, /expected numbers, got/],
    [[null], undefined, InputError, /expected numbers, got null/],
    [undefined, undefined, InputError, /expected numbers, got undefined/],
  ] as const)
    assert.throws(
      () => readValues(values as never, shape),
      (error) => error instanceof kind && message.test(error.message),
      String(message),
    );
  assert.deepEqual([...readValues([true, false]).data], [1, 0]);
});

test("revealed numbers are numbers again, with their shape", async () => {
  const session = await quiet({ protocol: "plain" });
  const known: Plaintext = await session.secret([[1, 2]]).reveal();
  const twice = session.secret(known).add(known);
  assert.deepEqual((await twice.reveal()).toArray(), [[2, 4]]);
  assert.throws(() => known.item(), ShapeError);
  await session.close();
});

test("tensors of another plan or session, and datasets of nobody, are refused, and what to try is there", async () => {
  const [session, other] = [await quiet({ protocol: "plain" }), await quiet({ protocol: "plain" })];
  const x = session.secret([1, 2]);
  assert.throws(() => x.add(other.secret([1, 2])), /expected tensors of one session/);
  await x.sum().reveal();
  assert.throws(
    () => x.mean(),
    (error) => error instanceof StaleValueError && /awaited reveal\(\).*try several reveals/.test(error.message),
  );
  await assert.rejects(session.share("salary", [[1]]), /expected OWNER\/NAME, got "salary"; try "alice\/salary"/);
  await assert.rejects(session.share("/salary", [[1]]), /try "alice\/salary"/);
  await assert.rejects(session.share("ben/none", []), /expected one row or more of ben\/none/);
  await session.close();
  await other.close();
});
