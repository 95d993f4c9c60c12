/**
 * Checks that what parties receive is noise: uniform for any input, different every time, and independent of the secrets
 * given what a group that colludes knows itself. Part of the conformance suite; statistics, not proofs. What parties hold and
 * hand out is in privacy-parts.ts.
 */
import assert from "node:assert/strict";
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import type { WordBytes } from "../../src/ring/index.js";
import { type Case, casesOf, freeInputs, type Inputs, makeInputs, prepare, someWords } from "./cases.js";
import type { Check, ConformanceOptions } from "./conformance.js";
import {
  coalitions,
  computing,
  costsOf,
  keysBeyond,
  Lab,
  type Message,
  type Outcome,
  wordBitsOf,
  wordBytesOf,
} from "./harness.js";
import {
  addedWords,
  assertBalanced,
  assertFresh,
  assertUniform,
  chiSquare,
  combinations,
  LIMIT,
  xorBytes,
} from "./statistics.js";

/** One piece, so that parties have one role each; planes get more elements, because what they leak are biased bits. */
const sizeOf = (one: Case) => (one.onPlanes ? 16384 : 4096);

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
  ];
  if (options.secret !== false)
    checks.push({
      name: "received words tell nothing to who knows its own keys",
      run: all((one) => hidesFromGroups(definition, one, pivots, options)),
    });
  return checks;
}

/** Zeros, fixed words, and zeros whose sharing has components that are zero. Runs `use` on each, in the base lab's memory. */
function withInputs(definition: ProtocolDefinition, one: Case, use: (inputs: Inputs, what: string) => void): void {
  const n = sizeOf(one);
  const sharings: [string, BigUint64Array, (number | "public")?][] = [
    ["zeros", new BigUint64Array(n)],
    ["fixed words", someWords(n, wordBitsOf(definition) - 2, "fixed")],
  ];
  // A fresh sharing is what makes an opened value's message uniform, so these are for the others.
  if (!one.opens) {
    // Where a party's input leaves components uniform, public words do not.
    const owners = costsOf(definition).masks ? (["public"] as const) : computing(definition);
    for (const owner of owners) sharings.push([`zeros of ${owner}`, new BigUint64Array(n), owner]);
  }
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
    const prepared = prepare(lab, one, inputs);
    const outcome = lab.call((end, site) => one.start(end, site, prepared), pivot, one.nonces);
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
      for (const [party, messages] of first!.outcome.received.entries())
        for (const [index, { from, bytes }] of messages.entries()) {
          const title = `${what} ${when}: from party ${from} to ${party}`;
          assertUniform(xorBytes(bytes, other!.outcome.received[party]![index]!.bytes), title);
        }
  });
}

/**
 * For each group that may collude: the same inputs and the same keys of the group, but other keys between the others. All that
 * it receives from them must change uniformly, each message and any two of them together, and so must what the pivot makes
 * of it.
 */
function hidesFromGroups(
  definition: ProtocolDefinition,
  one: Case,
  pivots: readonly number[],
  { peek }: ConformanceOptions,
): void {
  if (one.opens) return;
  const wordBytes = wordBytesOf(definition);
  withInputs(definition, one, (inputs, what) => {
    for (const pivot of pivots)
      for (const group of coalitions(definition)) {
        const view = (text: string) => {
          const [result] = runCase(definition, one, inputs, pivot, { keyText: keysBeyond(group, text) }, peek);
          const { received } = result!.outcome;
          return {
            messages: heardBy(group, received),
            opened: openedTo(group, computing(definition), received, sizeOf(one), wordBytes),
            held: result!.held[group[0]!]!,
          };
        };
        const [a, b] = [view("one"), view("other")];
        const title = `${what}, pivot ${pivot}, to party ${group.join(" and ")}`;
        for (const [index, bytes] of a.messages.entries())
          assertFresh(bytes, b.messages[index]!, `${title}: message ${index}`, wordBytes);
        for (const [index, bytes] of a.opened.entries())
          assertFresh(bytes, b.opened[index]!, `${title}: what all open with message ${index}`, wordBytes);
        if (one.onPlanes) {
          const changes = a.messages.map((bytes, index) => xorBytes(bytes, b.messages[index]!));
          assertUnrelatedPlanes(changes, sizeOf(one), title, wordBytes);
        } else
          forPairs(a.messages, (first, second) => {
            if (a.messages[first]!.length !== a.messages[second]!.length) return;
            const [before, after] = [a, b].map(({ messages }) =>
              combinations(messages[first]!, messages[second]!, wordBytes),
            );
            for (const [kind, bytes] of before!.entries())
              assertUniform(xorBytes(bytes, after![kind]!), `${title}: messages ${first} and ${second} together`);
          });
        if (one.pivotComputes && group.length === 1 && group[0] === pivot && a.held.length > 0) {
          const uniform = a.held.some((bytes, index) => chiSquare(xorBytes(bytes, b.held[index]!)) < LIMIT);
          assert.ok(uniform, `${title}: its result must vary with the masks it does not know`);
        }
      }
  });
}

/** What a group hears from others, once if several of it are told the same. */
function heardBy(group: readonly number[], received: readonly Message[][]): Uint8Array[] {
  const all = group.flatMap((party) => received[party]!).filter(({ from }) => !group.includes(from));
  const repeated = (at: number) => all.slice(0, at).some(({ bytes }) => Buffer.compare(bytes, all[at]!.bytes) === 0);
  return all.filter((_, at) => group.length === 1 || !repeated(at)).map(({ bytes }) => bytes);
}

/** Where all parties say as much in a round: the sums, of planes by XOR, that the group sees because it hears all of them. */
function openedTo(
  group: readonly number[],
  everyone: readonly number[],
  received: readonly Message[][],
  n: number,
  wordBytes: WordBytes,
): Uint8Array[] {
  const said = everyone.map((from) => {
    const to = group.includes(from) ? everyone.find((party) => party !== from) : group[0];
    return to === undefined ? [] : received[to]!.filter((message) => message.from === from);
  });
  const [first, ...others] = said;
  const alike = (list: readonly Message[]) =>
    list.length === first!.length &&
    list.every(({ round, bytes }, i) => round === first![i]!.round && bytes.length === first![i]!.bytes.length);
  if (others.length === 0 || !others.every(alike)) return [];
  const add = (sum: Uint8Array, other: Uint8Array) =>
    sum.length === n * wordBytes ? addedWords(sum, other, wordBytes) : xorBytes(sum, other);
  return first!.map(({ bytes }, index) => others.reduce((sum, list) => add(sum, list[index]!.bytes), bytes));
}

function forPairs<T>(list: readonly T[], use: (first: number, second: number) => void): void {
  for (let second = 0; second < list.length; second++) for (let first = 0; first < second; first++) use(first, second);
}

/** Pairs of planes that are compared for one view. */
const PAIRS = 3000;

/**
 * No plane of one message may be related to a plane of another: their XOR is balanced. An AND gate whose mask is missing
 * shows as a small bias only where what the party knows of it has been taken off, which another message may hold. Of words, the
 * lowest bits are planes.
 */
function assertUnrelatedPlanes(messages: readonly Uint8Array[], n: number, title: string, wordBytes: WordBytes): void {
  const planes = messages.flatMap((bytes, message) =>
    planesIn(bytes, n, wordBytes).map((words, plane) => ({ message, plane, words })),
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

const LOW_BITS = 3;

function planesIn(bytes: Uint8Array, n: number, wordBytes: WordBytes): Uint32Array[] {
  const halves = new Uint32Array(bytes.slice().buffer);
  if (bytes.length !== n * wordBytes)
    return Array.from({ length: (bytes.length * 8) / n }, (_, p) => halves.subarray((p * n) / 32, ((p + 1) * n) / 32));
  return Array.from({ length: LOW_BITS }, (_, bit) => {
    const plane = new Uint32Array(n / 32);
    for (let i = 0; i < n; i++) plane[i >> 5]! |= ((halves[(wordBytes / 4) * i]! >>> bit) & 1) << (i & 31);
    return plane;
  });
}
