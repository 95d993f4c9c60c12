/** Hostile files fail with an error of ours. */
import assert from "node:assert/strict";
import { ModelFileError } from "../../src/errors.js";

export const fails = (
  make: () => unknown,
  message: RegExp,
  kind: abstract new (...args: never[]) => Error = ModelFileError,
) =>
  assert.throws(make, (error: unknown) => {
    assert.ok(error instanceof kind, `${error instanceof Error ? error.stack : error}`);
    assert.match(error.message, message);
    return true;
  });
