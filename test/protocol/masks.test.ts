/**
 * Drops every mask of every primitive in turn, and demands that the conformance suite notices by name. Other flaws are in
 * mutations.test.ts and additive-mutations.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { additive, type ProtocolDefinition, rep3 } from "../../src/protocol/index.js";
import { type Case, casesOf, freeInputs, freePrepared, makeInputs, prepare, someWords } from "./cases.js";
import { type Draw, watchingDraws } from "./draws.js";
import { Lab } from "./harness.js";
import { mustFail } from "./mutants.js";
import { peekRep3 } from "./peek.js";
import { PREPARING } from "./privacy.js";

/** Party 1 in role 1; the other pivots are the same up to a rotation. */
const PIVOT = 1;
const HIDES = "received words tell nothing to who knows its own keys";

/** The draws of one primitive. Both holders of a key must make the same ones. */
function drawsOf(definition: ProtocolDefinition, one: Case, n: number): Draw[] {
  const all: Draw[] = [];
  const note = (draw: Draw) => all.push(draw);
  watchingDraws(definition, one, note, (watched, observed) => {
    const base = new Lab(watched, { run: PREPARING });
    const inputs = makeInputs(base, someWords(n));
    const lab = new Lab(watched);
    const prepared = prepare(lab, observed, inputs);
    lab.call((end, site) => observed.start(end, site, prepared), PIVOT, one.nonces);
    freePrepared(lab, prepared, inputs);
    lab.close();
    freeInputs(base, inputs);
    base.close();
  });
  for (const key of new Set(all.map((draw) => draw.key))) {
    const drawn = all.filter((draw) => draw.key === key);
    const bytes = drawn.reduce((sum, { from, to }) => sum + to - from, 0);
    assert.equal(bytes, 2 * Math.max(...drawn.map(({ to }) => to)), `bytes that both holders of ${key} draw`);
  }
  // One holder may draw in several pieces what the other draws at once.
  const covers = (a: Draw, b: Draw) => a.key === b.key && a.from <= b.from && a.to >= b.to;
  return all.filter(
    (draw, at) =>
      draw.to > draw.from && !all.some((other, i) => covers(other, draw) && (!covers(draw, other) || i < at)),
  );
}

const talks = (definition: ProtocolDefinition, one: Case) =>
  !one.opens && one.cost(definition.costs(8), 64, PIVOT).bytes.some((bytes) => bytes > 0);

/** All that is not the same code as something above. */
const selections: [ProtocolDefinition, RegExp][] = [
  // At width 64 toBits has so many planes that only a sample of their pairs is compared; its code is that of width 20.
  [rep3, /^(?!toBits at width 64)/],
  // A truncation by 1 shares one plane of signs, which is uniform as it is; by 16 it shares fields of 16 bits.
  [additive(2), /^(?!truncate by 1$|.* (37|64)$)/],
  [additive(2, "fss"), /^msb at width (2|32)|^msb after/],
  [additive(3), /^(product|truncate by 16|and|msb at width 16|fromBits|select)/],
];

describe(`"${HIDES}" notices when a mask is zero:`, () => {
  for (const [definition, selected] of selections)
    for (const one of casesOf(definition).filter((one) => talks(definition, one) && selected.test(one.name)))
      test(`${definition.name}: ${one.name}`, () => {
        const draws = drawsOf(definition, one, one.onPlanes ? 16384 : 4096);
        assert.ok(draws.length > 0, "it must draw something");
        for (const dropped of draws) {
          const drop = ({ key, from, to }: Draw, target: Uint8Array) => {
            if (key === dropped.key && from < dropped.to && to > dropped.from)
              target.fill(0, Math.max(0, dropped.from - from), dropped.to - from);
          };
          watchingDraws(definition, one, drop, (watched, observed) =>
            mustFail(watched, HIDES, { peek: peekRep3, pivots: [PIVOT] }, [observed]),
          );
        }
      });
});

test("both holders of a key draw the same, also in several pieces", () => {
  for (const [definition] of selections)
    for (const one of casesOf(definition)) for (const n of [65, 5000]) drawsOf(definition, one, n);
  for (const one of casesOf(rep3)) drawsOf(rep3, one, 20000);
});
