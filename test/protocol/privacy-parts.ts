/**
 * Checks of what parties draw, hold and hand out: random words, parts for somebody outside, an outsider's sharing, and the
 * streams behind them. Part of the conformance suite; messages between parties are in privacy.ts.
 */
import assert from "node:assert/strict";
import type { ProtocolDefinition, Share } from "../../src/protocol/index.js";
import { Prg, type Stream, type StreamId } from "../../src/random/index.js";
import { casesOf, freeInputs, freePrepared, makeInputs, prepare, someWords } from "./cases.js";
import type { Check, ConformanceOptions } from "./conformance.js";
import { coalitions, computing, costsOf, free, keysBeyond, Lab, type LabOptions, take } from "./harness.js";
import { assertDistinct, assertFresh, assertUniform, xorBytes } from "./statistics.js";

const N = 4096;
/** More than protocols handle in one pass. */
const MANY = 12288;

export function partsChecks(definition: ProtocolDefinition, options: ConformanceOptions = {}): Check[] {
  const checks: Check[] = [
    { name: "random words are uniform", run: () => randomIsUniform(definition) },
    { name: "outgoing parts are re-randomised", run: () => outgoingIsUniform(definition) },
  ];
  if (options.secret !== false)
    checks.push(
      { name: "random words are known to nobody", run: () => randomIsUnknown(definition) },
      { name: "outgoing parts tell who colludes their sum only", run: () => outgoingHides(definition) },
      { name: "an outsider's sharing tells nothing to any party", run: () => sharingHides(definition) },
      { name: "no stream is opened twice", run: () => streamsDiffer(definition) },
    );
  return checks;
}

function randomIsUniform(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const [first, second] = [randomWords(lab), randomWords(lab)];
  assertUniform(first, "random words");
  assertUniform(xorBytes(first, second), "random words drawn twice");
  lab.close();
}

/** They change with the keys that a group does not have. */
function randomIsUnknown(definition: ProtocolDefinition): void {
  if (definition.parties === 1) return;
  for (const group of coalitions(definition)) {
    const [a, b] = ["one", "other"].map((text) => {
      const lab = new Lab(definition, { keyText: keysBeyond(group, text) });
      const words = randomWords(lab);
      lab.close();
      return words;
    });
    assertFresh(a!, b!, `random words to ${group.join(" and ")}`);
  }
}

function randomWords(lab: Lab): Uint8Array {
  const x = lab.call((end, site) => end.protocol.random(site, N)).values;
  const { values } = lab.call((end, site) => end.protocol.reveal(site, x[end.self]!));
  const bytes = lab.ends[0]!.ring.bytes(values[0]!).slice();
  for (const [party, block] of values.entries()) take(lab, party, block);
  return bytes;
}

function outgoingIsUniform(definition: ProtocolDefinition): void {
  if (definition.parties === 1) return;
  const parts = partsOfZeros(definition);
  // Not what happens to be in its memory.
  if (definition.dealer !== undefined)
    assert.ok(
      parts[definition.dealer]!.every((byte) => byte === 0),
      "the dealer's part must be zeros",
    );
  for (const party of computing(definition)) {
    assertUniform(parts[party]!, `part of party ${party}`);
    assertDistinct(parts[party]!, `part of party ${party}`);
  }
}

/** Whoever works together with the recipient: the parts of any two others change with the key between these. */
function outgoingHides(definition: ProtocolDefinition): void {
  const everyone = computing(definition);
  for (const one of everyone)
    for (const other of everyone.filter((party) => party > one)) {
      const group = everyone.filter((party) => party !== one && party !== other);
      const [a, b] = ["one", "other"].map((text) => partsOfZeros(definition, { keyText: keysBeyond(group, text) }));
      for (const party of [one, other])
        assertFresh(a![party]!, b![party]!, `part of party ${party} to a recipient with ${group.join(" and ")}`);
    }
}

/** Of public zeros: without masks, all parts would be zero. */
function partsOfZeros(definition: ProtocolDefinition, options: LabOptions = {}): Uint8Array[] {
  const lab = new Lab(definition, options);
  // Fresh blocks hold whatever was there before.
  for (const { scope, ring } of lab.ends) {
    const used = [1, 2, 3].map(() => scope.alloc(MANY));
    for (const block of used) ring.kernels.fill(block.ptr, 1n, MANY);
    for (const block of used) scope.free(block);
  }
  const zeros = lab.call((end, site) => {
    const block = end.scope.alloc(MANY);
    end.ring.kernels.fill(block.ptr, 0n, MANY);
    return end.protocol.fromPublic(site, block);
  }).values;
  const parts = lab.call((end, site) => end.protocol.outgoing(site, zeros[end.self]!)).values;
  const bytes = parts.map((block, party) => lab.ends[party]!.ring.bytes(block).slice());
  lab.close();
  return bytes;
}

/**
 * The correction is noise to each party that keeps it: with that party's seeds as they are and all others fresh, it
 * changes uniformly. And no seed is ever seen again.
 */
function sharingHides({ parties, sharing }: ProtocolDefinition): void {
  if (parties === 1) return;
  const zeros = new Uint8Array(N * 8);
  const [one, other] = [sharing.freshSeeds().byParty, sharing.freshSeeds().byParty];
  const texts = [one, other].map((lists) => new Set(lists.flat().map((seed) => Buffer.from(seed).toString("hex"))));
  for (const text of texts[0]!) assert.ok(!texts[1]!.has(text), "a seed must be fresh for each sharing");
  assertUniform(sharing.correction({ byParty: one }, 0, zeros), "the correction of zeros");
  for (const [party, keeps] of sharing.keepsCorrection.entries()) {
    if (!keeps) continue;
    const own = one[party]!.map((seed) => Buffer.from(seed).toString("hex"));
    const known = (seed: Uint8Array) => own.includes(Buffer.from(seed).toString("hex"));
    const mixed = one.map((list, i) => list.map((seed, j) => (known(seed) ? seed : other[i]![j]!)));
    const [a, b] = [one, mixed].map((byParty) => sharing.correction({ byParty }, 0, zeros));
    assertUniform(xorBytes(a!, b!), `the correction to party ${party}, which knows its seeds`);
  }
}

/** Every primitive twice, in one piece and in several, in one session. */
function streamsDiffer(definition: ProtocolDefinition): void {
  const byKeys = costsOf(definition).masks?.msbRounded !== undefined;
  watchingStreams(() => {
    const lab = new Lab(definition);
    for (const n of [65, byKeys ? 5000 : 20000]) {
      const inputs = makeInputs(lab, someWords(n));
      for (const one of casesOf(definition))
        for (let time = 0; time < 2; time++) {
          const prepared = prepare(lab, one, inputs);
          lab.call((end, site) => one.start(end, site, prepared), 1, one.nonces);
          freePrepared(lab, prepared, inputs);
        }
      for (let time = 0; time < 2; time++) {
        const random: Share[] = lab.call((end, site) => end.protocol.random(site, n)).values;
        const { values } = lab.call((end, site) => end.protocol.outgoing(site, random[end.self]!));
        for (const [party, block] of values.entries()) take(lab, party, block);
        free(lab, random);
      }
      freeInputs(lab, inputs);
    }
    lab.close();
  });
}

/** Runs `use` where opening a stream of one generator twice is an error. */
function watchingStreams(use: () => void): void {
  const original = Prg.prototype.stream;
  const opened = new WeakMap<Prg, Set<string>>();
  Prg.prototype.stream = function (this: Prg, id: StreamId): Stream {
    const names = opened.get(this) ?? new Set();
    opened.set(this, names);
    const name = `${id.run}/${id.node}/${id.chunk}`;
    assert.ok(!names.has(name), `stream ${name} is opened twice`);
    names.add(name);
    return original.call(this, id);
  };
  try {
    use();
  } finally {
    Prg.prototype.stream = original;
  }
}
