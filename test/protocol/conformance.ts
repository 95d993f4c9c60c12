/**
 * The suite that every protocol must pass, as a list of named checks: values against plain, traffic as declared, and
 * what travels looks like noise. Not about one protocol; mutations.test.ts shows that each kind of flaw fails a check.
 */
import { describe, test } from "node:test";
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import { type End, narrow } from "./harness.js";
import { openingChecks } from "./openings.js";
import { privacyChecks } from "./privacy.js";
import { partsChecks } from "./privacy-parts.js";
import { trafficChecks } from "./traffic.js";
import { valueChecks } from "./values.js";

export interface Check {
  readonly name: string;
  run(): void;
}

export interface ConformanceOptions {
  /** False for a protocol that hides nothing: parties' keys are then not varied. */
  readonly secret?: boolean;
  /** Pivots to try; protocols without roles need one. */
  readonly pivots?: readonly number[];
  /** The words of a share or of bits that a party holds, by component. */
  readonly peek?: (end: End, value: unknown) => Uint8Array[];
}

export function checks(definition: ProtocolDefinition, options: ConformanceOptions = {}): Check[] {
  return [
    ...valueChecks(definition),
    ...trafficChecks(definition),
    ...openingChecks(definition),
    ...privacyChecks(definition, options),
    ...partsChecks(definition, options),
  ];
}

/** Over words of either size. */
export function conformance(protocol: ProtocolDefinition, options: ConformanceOptions = {}): void {
  for (const definition of [protocol, narrow(protocol)])
    describe(`conformance of ${definition.name}`, () => {
      for (const check of checks(definition, options)) test(check.name, () => check.run());
    });
}
