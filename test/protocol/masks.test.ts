/**
 * Drops every mask of every primitive of rep3 in turn, and demands that the conformance suite notices by name. Other
 * flaws are in mutations.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ProtocolDefinition, type ProtocolHost, rep3, type Site } from "../../src/protocol/index.js";
import { Rep3 } from "../../src/protocol/rep3/definition.js";
import { Prg, type Stream, type StreamId } from "../../src/random/index.js";
import { type Case, casesOf, freeInputs, makeInputs, someWords } from "./cases.js";
import { Lab, type LabOptions, take } from "./harness.js";
import { peekRep3 } from "./peek.js";
import { PREPARING, privacyChecks } from "./privacy.js";

interface Draw {
  /** Index of the key among k_0, k_1, k_2: k_i is shared by parties i - 1 and i. */
  readonly key: number;
  /** Which draw from its stream. */
  readonly index: number;
}
const keyOf = (self: number, peer: number) => (peer === (self + 1) % 3 ? peer : self);

/** A Prg that tells of each draw and may blank it. The labs that prepare inputs are left alone. */
class WatchedPrg extends Prg {
  constructor(
    key: Uint8Array,
    readonly watch: (index: number, target: Uint8Array) => void,
  ) {
    super(key);
  }
  override stream(id: StreamId): Stream {
    const stream = super.stream(id);
    if (id.run === PREPARING) return stream;
    let index = 0;
    const fill = (target: Uint8Array) => {
      stream.fill(target);
      this.watch(index++, target);
    };
    return { fill } as unknown as Stream;
  }
}

function watched(watch: (self: number, draw: Draw, target: Uint8Array) => void): ProtocolDefinition {
  const create = (host: ProtocolHost) =>
    new Rep3(host, (key, peer) => {
      const index = keyOf(host.self, peer);
      return new WatchedPrg(key, (draw, target) => watch(host.self, { key: index, index: draw }, target));
    });
  return { ...rep3, create };
}

/** The draws of one primitive. Both holders of a key must make the same ones. */
function drawsOf(one: Case, n: number, pivot: number): Draw[] {
  const seen: string[][] = [[], [], []];
  const definition = watched((self, { key, index }, target) => seen[self]!.push(`${key} ${index} ${target.length}`));
  const base = new Lab(definition, { run: PREPARING });
  const inputs = makeInputs(base, someWords(n));
  const lab = new Lab(definition);
  lab.call((end, site) => one.start(end, site, inputs), pivot);
  const all = new Set(seen.flat());
  for (const draw of all) {
    const key = Number(draw.split(" ")[0]);
    for (const holder of [key, (key + 2) % 3])
      assert.ok(seen[holder]!.includes(draw), `party ${holder} misses ${draw}`);
  }
  lab.close();
  freeInputs(base, inputs);
  base.close();
  return [...all].flatMap((draw) => {
    const [key, index, bytes] = draw.split(" ").map(Number) as [number, number, number];
    return bytes > 0 ? [{ key, index }] : [];
  });
}

/** Party 1 in role 1; the other pivots are the same up to a rotation. */
const PIVOT = 1;
const HIDES = "received words tell nothing to who knows its own keys";

describe(`"${HIDES}" notices when a mask is zero:`, () => {
  // At width 64 toBits has so many planes that only a sample of their pairs is compared; its code is that of width 20.
  // A product is a summand, which never leaves a party as it is.
  const unmasked = ["toBits at width 64", "product"];
  for (const one of casesOf(rep3).filter(({ opens, name }) => !opens && !unmasked.includes(name)))
    test(one.name, () => {
      const draws = drawsOf(one, one.onPlanes ? 16384 : 4096, PIVOT);
      assert.ok(draws.length > 0, "it must draw something");
      for (const dropped of draws) {
        const definition = watched((_, { key, index }, target) => {
          if (key === dropped.key && index === dropped.index) target.fill(0);
        });
        const check = privacyChecks(definition, { peek: peekRep3 }, [one], [PIVOT]).find(({ name }) => name === HIDES)!;
        assert.throws(() => check.run(), assert.AssertionError, `draw ${dropped.index} of key ${dropped.key}`);
      }
    });
  test("both holders of a key draw the same, also in three pieces", () => {
    for (const one of casesOf(rep3)) for (const n of [65, 5000, 20000]) drawsOf(one, n, 1);
  });
});

/** Every primitive, in one piece and in three, under generators that throw when a stream is opened twice. */
function openEverything(options: LabOptions): void {
  const create = (host: ProtocolHost) => new Rep3(host, (key) => new Prg(key, { audit: true }));
  const lab = new Lab({ ...rep3, create }, options);
  for (const n of [65, 20000]) {
    const inputs = makeInputs(lab, someWords(n));
    for (const one of casesOf(rep3)) lab.call((end, site) => one.start(end, site, inputs), PIVOT);
    for (let time = 0; time < 2; time++) {
      const random = lab.call((end, site) => end.protocol.random(site, n)).values;
      const { values } = lab.call((end, site) => end.protocol.outgoing(site, random[end.self]!));
      for (const [party, block] of values.entries()) take(lab, party, block);
    }
    freeInputs(lab, inputs);
  }
  lab.close();
}

test("no primitive opens a stream twice, be it for its pieces or for another call", () => {
  openEverything({});
  const again = (site: Site): Site => ({ ...site, scope: site.scope, nonce: () => ({ ...site.nonce(), node: 0 }) });
  assert.throws(() => openEverything({ spoilSite: again }), /expected each stream once/);
});
