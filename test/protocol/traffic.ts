/** Checks of what a primitive costs: rounds, bytes, nonces and memory. Part of the conformance suite. */
import assert from "node:assert/strict";
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import { casesOf, freeInputs, freePrepared, makeInputs, opened, prepare, someWords } from "./cases.js";
import type { Check } from "./conformance.js";
import { costsOf, free, Lab, share, take } from "./harness.js";

const SIZES = [0, 1, 63, 64, 65, 1000, 16384, 16385, 20000];
/** As many signs as comparison keys are used for, and more. */
const MANY_SIGNS = [32768, 32769];

export function trafficChecks(definition: ProtocolDefinition): Check[] {
  return [
    {
      name: "rounds and bytes are as declared",
      run() {
        for (const n of SIZES) {
          const lab = new Lab(definition);
          const inputs = makeInputs(lab, someWords(n));
          for (const pivot of n < 16384 ? [0, 1, 2, 3, 7] : [1])
            for (const one of casesOf(definition)) {
              const fresh = prepare(lab, one, inputs);
              const outcome = lab.call((end, site) => one.start(end, site, fresh), pivot, one.nonces);
              const what = `${one.name}, ${n} elements, pivot ${pivot}`;
              const cost = one.cost(costsOf(definition), n, pivot);
              assert.equal(outcome.rounds, cost.rounds, `rounds of ${what}`);
              assert.deepEqual(outcome.sent, cost.bytes, `bytes of ${what}`);
              release(lab, outcome.values);
              freePrepared(lab, fresh, inputs);
            }
          freeInputs(lab, inputs);
          lab.close();
        }
      },
    },
    {
      name: "many signs cost what is declared",
      run() {
        for (const n of MANY_SIGNS) {
          const lab = new Lab(definition);
          const x = share(lab, someWords(n, 8));
          const { values, rounds, sent } = lab.call((end, site) => end.protocol.msb(site, x[end.self]!, 8));
          const cost = opened(costsOf(definition), n, costsOf(definition).msb(n, 8, 0));
          assert.deepEqual({ rounds, bytes: sent }, cost, `${n} signs`);
          free(lab, x, values);
          lab.close();
        }
      },
    },
    {
      name: "nothing is left in memory",
      run() {
        const lab = new Lab(definition);
        const inputs = makeInputs(lab, someWords(20000));
        const kept = lab.ends.map((end) => end.scope.live);
        for (const one of casesOf(definition)) {
          const fresh = prepare(lab, one, inputs);
          const { values } = lab.call((end, site) => one.start(end, site, fresh), 0, one.nonces);
          release(lab, values);
          freePrepared(lab, fresh, inputs);
          for (const end of lab.ends)
            assert.equal(end.scope.live, kept[end.self], `blocks left by ${one.name} at party ${end.self}`);
        }
        freeInputs(lab, inputs);
        for (const end of lab.ends) assert.equal(end.scope.live, 0, `blocks left at party ${end.self}`);
        lab.close();
      },
    },
  ];
}

/** Frees whatever a case returned: shares, bits, blocks or nothing. */
function release(lab: Lab, values: readonly unknown[]): void {
  for (const [party, value] of values.entries()) {
    if (value === undefined) continue;
    if (typeof value === "object" && value !== null && "ptr" in value) take(lab, party, value as never);
    else lab.ends[party]!.protocol.free(lab.ends[party]!.scope, value as never);
  }
}
