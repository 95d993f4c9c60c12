/** What tests of decoding share: sample plans as bytes and as JSON, and the promise that decoding keeps to every stranger. */
import assert from "node:assert/strict";
import { compile } from "../../src/engine/index.js";
import { SecretgradError } from "../../src/errors.js";
import {
  decodePlan,
  digestOf,
  type PlanLimits,
  planDatasets,
  planInputs,
  planReveals,
  planScalars,
  planVariables,
} from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { everything, trainStep } from "./sample.js";

/** What a plan over words of 64 bits begins with. */
export const header = { secretgrad: 1, fraction: 16, integerBits: 15, wordBits: 64 };

export const samples = [everything().close(), trainStep().close()];
export const bytesOf = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
export const parsed = (index: number) => JSON.parse(new TextDecoder().decode(samples[index]!.bytes));

/** Decodes within a second, or throws one of our errors. What decodes can be looked at and compiled. */
export function decodeSafely(bytes: Uint8Array, limits?: PlanLimits): boolean {
  const before = process.cpuUsage();
  try {
    const plan = decodePlan(bytes, limits);
    assert.equal(plan.digest, digestOf(bytes));
    compile(plan, rep3);
    for (const look of [planReveals, planInputs, planDatasets, planVariables, planScalars]) look(plan);
    return true;
  } catch (error) {
    assert.ok(error instanceof SecretgradError, `threw ${String(error)}`);
    assert.ok(error.message.length < 1000, "a message repeats what a stranger sent");
    return false;
  } finally {
    // Time of the processor, so that a busy machine does not fail the test.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1e6, `took ${(user + system) / 1e6} seconds`);
  }
}
