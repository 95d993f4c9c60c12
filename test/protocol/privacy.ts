/**
 * Checks that what a party receives is noise: uniform for any input, different every time, and independent of the
 * secrets given what the party itself knows. Part of the conformance suite; statistics, not proofs.
 */
import assert from "node:assert/strict";
import type { ProtocolDefinition, Share } from "../../src/protocol/index.js";
import { type Case, casesOf, freeInputs, type Inputs, makeInputs, someWords, unused } from "./cases.js";
import type { Check, ConformanceOptions } from "./conformance.js";
import { computing, Lab, type Outcome, wordBitsOf, wordBytesOf } from "./harness.js";
import { assertBalanced, assertUniform, chiSquare, combinations, LIMIT, xorBytes } from "./statistics.js";

/** One piece, so that parties have one role each; planes get more elements, because what they leak are biased bits. */
const sizeOf = (one: Case) => (one.onPlanes ? 16384 : 4096);
const N = 4096;

/** Run of the labs that prepare inputs; the cases run in others, so that no stream is opened twice under one key. */
export const PREPARING = 1000;

export function privacyChecks(
  definition: ProtocolDefinition,
  options: ConformanceOptions = {},
  cases: readonly Case[] = casesOf(definition),
  pivots: readonly number[] = options.pivots ?? [0, 1, 2],
): Check[] {
  const all = (check: (one: Case) => void) => () => {
    for (const one of cases) check(one);
  };
  const checks: Check[] = [
    { name: "received words are uniform", run: all((one) => receivedIsUniform(definition, one, pivots)) },
    { name: "no mask is used twice", run: all((one) => masksDiffer(definition, one)) },
    { name: "random words are uniform", run: () => randomIsUniform(definition) },
    { name: "outgoing parts are re-randomised", run: () => outgoingIsUniform(definition) },
  ];
  if (options.secret !== false)
    checks.push(
      {
        name: "received words tell nothing to who knows its own keys",
        run: all((one) => hidesFromParties(definition, one, pivots, options)),
      },
      { name: "an outsider's sharing tells nothing to any party", run: () => sharingHides(definition) },
    );
  return checks;
}

/** Zeros, fixed words, and words whose sharing has components that are zero. Runs `use` on each, in the base lab's memory. */
function withInputs(definition: ProtocolDefinition, one: Case, use: (inputs: Inputs, what: string) => void): void {
  const n = sizeOf(one);
  const sharings: [string, BigUint64Array, number | undefined][] = [
    ["zeros", new BigUint64Array(n), undefined],
    ["fixed words", someWords(n, wordBitsOf(definition) - 2, "fixed"), undefined],
  ];
  // A fresh sharing is what makes an opened value's message uniform, so these are for the others.
  if (!one.opens)
    for (const owner of computing(definition)) sharings.push([`zeros of party ${owner}`, new BigUint64Array(n), owner]);
  for (const [what, words, owner] of sharings) {
    const lab = new Lab(definition, { run: PREPARING });
    const inputs = makeInputs(lab, words, owner);
    use(inputs, `${one.name} of ${what}`);
    freeInputs(lab, inputs);
    lab.close();
  }
}

/** Runs one case in a lab of its own: same inputs, other keys or another run. */
function runCase(
  definition: ProtocolDefinition,
  one: Case,
  inputs: Inputs,
  pivot: number,
  options: ConstructorParameters<typeof Lab>[1] & { times?: number },
  peek?: ConformanceOptions["peek"],
): { outcome: Outcome<unknown>; held: Uint8Array[][] }[] {
  const lab = new Lab(definition, options);
  const results = Array.from({ length: options?.times ?? 1 }, () => {
    const fresh = unused(lab, inputs);
    const outcome = lab.call((end, site) => one.start(end, site, fresh), pivot);
    const held = outcome.values.map((value, party) => (peek ? peek(lab.ends[party]!, value) : []));
    return { outcome, held };
  });
  lab.close();
  return results;
}

function receivedIsUniform(definition: ProtocolDefinition, one: Case, pivots: readonly number[]): void {
  withInputs(definition, one, (inputs, what) => {
    for (const pivot of pivots) {
      const { outcome } = runCase(definition, one, inputs, pivot, {})[0]!;
      for (const [party, messages] of outcome.received.entries()) {
        if (party === definition.dealer) assert.equal(messages.length, 0, `${what}: the dealer must be sent nothing`);
        for (const { from, round, bytes } of messages)
          assertUniform(bytes, `${what}: round ${round} from party ${from} to ${party}`);
      }
    }
  });
}

/** Twice in one run and once in another run of the same session, with the same inputs: all differences are uniform. */
function masksDiffer(definition: ProtocolDefinition, one: Case): void {
  if (one.opens) return;
  withInputs(definition, one, (inputs, what) => {
    const [first, second] = runCase(definition, one, inputs, 1, { run: 1, times: 2 });
    const [later] = runCase(definition, one, inputs, 1, { run: 2 });
    for (const [other, when] of [
      [second, "called twice"],
      [later, "in another run"],
    ] as const)
      compare(first!.outcome, other!.outcome, (difference, from, to) =>
        assertUniform(difference, `${what} ${when}: from party ${from} to ${to}`),
      );
  });
}

function compare(
  a: Outcome<unknown>,
  b: Outcome<unknown>,
  use: (difference: Uint8Array, from: number, to: number) => void,
): void {
  for (const [party, messages] of a.received.entries())
    for (const [index, { from, bytes }] of messages.entries())
      use(xorBytes(bytes, b.received[party]![index]!.bytes), from, party);
}

/**
 * For each party: the same inputs and the same keys of that party, but other keys between the others. All that it
 * receives must change uniformly, each message and any two of them together, and so must what the pivot makes of it.
 */
function hidesFromParties(
  definition: ProtocolDefinition,
  one: Case,
  pivots: readonly number[],
  { peek }: ConformanceOptions,
): void {
  if (one.opens) return;
  withInputs(definition, one, (inputs, what) => {
    for (const pivot of pivots)
      for (let party = 0; party < definition.parties; party++) {
        const view = (text: string) => {
          const keyText = (i: number, j: number) => (i === party || j === party ? "" : text);
          const [result] = runCase(definition, one, inputs, pivot, { keyText }, peek);
          return { messages: result!.outcome.received[party]!.map(({ bytes }) => bytes), held: result!.held[party]! };
        };
        const [a, b] = [view("one"), view("other")];
        const title = `${what}, pivot ${pivot}, to party ${party}`;
        const changes = a.messages.map((bytes, index) => xorBytes(bytes, b.messages[index]!));
        for (const [index, change] of changes.entries()) assertUniform(change, `${title}: message ${index}`);
        if (one.onPlanes) assertUnrelatedPlanes(changes, sizeOf(one) / 8, title);
        else
          forPairs(a.messages, (first, second) => {
            if (a.messages[first]!.length !== a.messages[second]!.length) return;
            const wordBytes = wordBytesOf(definition);
            const [before, after] = [a, b].map(({ messages }) =>
              combinations(messages[first]!, messages[second]!, wordBytes),
            );
            for (const [kind, bytes] of before!.entries())
              assertUniform(xorBytes(bytes, after![kind]!), `${title}: messages ${first} and ${second} together`);
          });
        if (one.pivotComputes && party === pivot && a.held.length > 0) {
          const uniform = a.held.some((bytes, index) => chiSquare(xorBytes(bytes, b.held[index]!)) < LIMIT);
          assert.ok(uniform, `${title}: its result must vary with the masks it does not know`);
        }
      }
  });
}

function forPairs<T>(list: readonly T[], use: (first: number, second: number) => void): void {
  for (let second = 0; second < list.length; second++) for (let first = 0; first < second; first++) use(first, second);
}

/** Pairs of planes that are compared for one view. */
const PAIRS = 3000;

/**
 * No plane of one message may be related to a plane of another: their XOR is balanced. An AND gate whose mask is missing
 * shows as a small bias only where what the party knows of it has been taken off, which another message may hold.
 */
function assertUnrelatedPlanes(messages: readonly Uint8Array[], planeBytes: number, title: string): void {
  const planes = messages.flatMap((bytes, message) =>
    Array.from({ length: bytes.length / planeBytes }, (_, plane) => ({
      message,
      plane,
      words: new Uint32Array(bytes.slice(plane * planeBytes, (plane + 1) * planeBytes).buffer),
    })),
  );
  const pairs: [number, number][] = [];
  forPairs(planes, (first, second) => {
    if (planes[first]!.message !== planes[second]!.message) pairs.push([first, second]);
  });
  // A sample where there are many: other pairs for other pivots, parties and inputs.
  const step = Math.max(1, Math.floor(pairs.length / PAIRS));
  for (let at = title.length % step; at < pairs.length; at += step) {
    const [x, y] = pairs[at]!.map((index) => planes[index]!);
    const what = () => `${title}: plane ${x!.plane} of message ${x!.message}, ${y!.plane} of ${y!.message} together`;
    assertBalanced(x!.words, y!.words, what);
  }
}

function randomIsUniform(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const draw = () => lab.call((end, site) => end.protocol.random(site, N)).values;
  const [first, second] = [draw(), draw()].map((shares) => bytesOf(lab, shares));
  assertUniform(first!, "random words");
  assertUniform(xorBytes(first!, second!), "random words drawn twice");
  lab.close();
}

function outgoingIsUniform(definition: ProtocolDefinition): void {
  if (definition.parties === 1) return;
  const lab = new Lab(definition);
  // Public zeros: without masks, all parts would be zero.
  const zeros = lab.call((end, site) => {
    const block = end.scope.alloc(N);
    end.ring.kernels.fill(block.ptr, 0n, N);
    return end.protocol.fromPublic(site, block);
  }).values;
  const parts = lab.call((end, site) => end.protocol.outgoing(site, zeros[end.self]!)).values;
  for (const party of computing(definition))
    assertUniform(lab.ends[party]!.ring.bytes(parts[party]!).slice(), `part of party ${party}`);
  lab.close();
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

function bytesOf(lab: Lab, shares: readonly Share[]): Uint8Array {
  const { values } = lab.call((end, site) => end.protocol.reveal(site, shares[end.self]!));
  return lab.ends[0]!.ring.bytes(values[0]!).slice();
}
