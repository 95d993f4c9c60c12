/** How value checks compare: the same computation under plain, under the protocol, and in BigInt. Not the checks. */
import assert from "node:assert/strict";
import { type Bits, type Protocol, type ProtocolDefinition, plain, type Site } from "../../src/protocol/index.js";
import { free, Lab, narrow, reveal, wordBitsOf } from "./harness.js";

export const SIZES = [1, 63, 64, 65, 20000];

/** Runs `use` in a lab and demands that all memory is free at its end. */
export function inLab(definition: ProtocolDefinition, use: (lab: Lab) => void): void {
  const lab = new Lab(definition);
  use(lab);
  for (const end of lab.ends) assert.equal(end.scope.live, 0, `blocks left at party ${end.self}`);
  lab.close();
}

/** The computation must give the words expected under plain and, to the bit, under the protocol. */
export function agrees(
  definition: ProtocolDefinition,
  what: string,
  expected: BigUint64Array,
  compute: (lab: Lab) => BigUint64Array,
): void {
  const bits = wordBitsOf(definition);
  const clear = bits === 64 ? plain : narrow(plain);
  const low = (words: BigUint64Array) => words.map((word) => BigInt.asUintN(bits, word));
  inLab(clear, (lab) => same(low(compute(lab)), low(expected), `${what}, under plain`));
  if (definition.name !== clear.name) inLab(definition, (lab) => same(low(compute(lab)), low(expected), what));
}

/** As assert.deepEqual, but fast, and it does not print thousands of words. */
export function same(actual: BigUint64Array, expected: BigUint64Array, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: number of words`);
  const index = actual.findIndex((word, at) => word !== expected[at]);
  assert.equal(index, -1, `${what}: element ${index} of ${actual.length} differs`);
}

export const signed = (word: bigint | undefined) => BigInt.asIntN(64, word!);

/** Bits of one plane as words 0 and 1. */
export function revealPlane(lab: Lab, bits: readonly Bits[]): BigUint64Array {
  const words = lab.call((end, site) => end.protocol.fromBits(site, bits[end.self]!)).values;
  const result = reveal(lab, words);
  free(lab, words);
  return result;
}

/** Proposed for the interface: planes [from, from + count) of bits, a local operation. */
interface WithPlanes {
  planes(site: Site, bits: Bits, from: number, count: number): Bits;
}

/** All planes, as words. */
export function revealBits(lab: Lab, bits: readonly Bits[]): BigUint64Array {
  const { n, width } = bits[0]!;
  const result = new BigUint64Array(n);
  for (let p = 0; p < width; p++) {
    const plane = lab.call((end, site) =>
      (end.protocol as Protocol & WithPlanes).planes(site, bits[end.self]!, p, 1),
    ).values;
    for (const [index, bit] of revealPlane(lab, plane).entries()) result[index]! |= bit << BigInt(p);
    free(lab, plane);
  }
  return result;
}
