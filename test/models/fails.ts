/** Hostile files fail with an error of ours. */
import assert from "node:assert/strict";
import { ModelFileError, SecretgradError } from "../../src/errors.js";

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

/** For ever, on a slow machine too. */
const mostSeconds = 60;

/** Whether the file is read; anything but an error of ours fails the test, and so does a long time. */
export function survives(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array, what: string): boolean {
  const started = performance.now();
  let done = true;
  try {
    read(bytes);
  } catch (error) {
    assert.ok(error instanceof SecretgradError, `${what}: ${error instanceof Error ? error.stack : error}`);
    done = false;
  }
  assert.ok(performance.now() - started < 1000 * mostSeconds, `${what}: took ${performance.now() - started} ms`);
  return done;
}
