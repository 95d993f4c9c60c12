/**
 * Runs all parties of any protocol in one process, one exchange at a time, without a network: checks that what is sent is
 * what is expected, counts rounds and bytes, and records every received word. Not the engine, and it has no secrecy: keys
 * come from a text.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Costs, Exchange, Protocol, ProtocolDefinition, Rounds, Share, Site } from "../../src/protocol/index.js";
import { type Block, Ring, type Scope, type WordBytes } from "../../src/ring/index.js";

/** Memory is reused from lab to lab, so that a thousand labs do not make a thousand wasm memories. */
const rings: Ring[] = [];

/** The same protocol over Z_2^32: labs give its ends that ring. */
export function narrow(definition: ProtocolDefinition): ProtocolDefinition {
  const copy = { ...definition, name: `${definition.name} over words of 32 bits` };
  narrowed.add(copy.name);
  return copy;
}
const narrowed = new Set<string>();
export const wordBytesOf = ({ name }: ProtocolDefinition): WordBytes => (narrowed.has(name) ? 4 : 8);
export const wordBitsOf = (definition: ProtocolDefinition): 64 | 32 => (wordBytesOf(definition) === 8 ? 64 : 32);
export const costsOf = (definition: ProtocolDefinition): Costs => definition.costs(wordBytesOf(definition));

export interface LabOptions {
  /** Run number of every nonce. */
  readonly run?: number;
  /** The text from which the key of parties i < j is made. */
  readonly keyText?: (i: number, j: number) => string;
}

/** A site that counts its nonces. */
export class TestSite implements Site {
  nonces = 0;
  constructor(
    readonly scope: Scope,
    readonly pivot: number,
    private readonly run: number,
    private readonly node: number,
  ) {}
  nonce() {
    return { run: this.run, node: this.node, chunk: this.nonces++ };
  }
}

/** One party in a lab. */
export interface End {
  readonly self: number;
  readonly ring: Ring;
  readonly scope: Scope;
  readonly protocol: Protocol;
}

/** What one call did at all parties. */
export interface Outcome<T> {
  /** By party. */
  readonly values: T[];
  readonly rounds: number;
  /** Bytes that each party sent. */
  readonly sent: number[];
  /** Messages that each party received, in order. */
  readonly received: Message[][];
}
export interface Message {
  readonly from: number;
  readonly round: number;
  readonly bytes: Uint8Array;
}

/** All parties of one protocol in one session. */
export class Lab {
  readonly ends: readonly End[];
  readonly #options: LabOptions;
  #node = 0;

  constructor(
    readonly definition: ProtocolDefinition,
    options: LabOptions = {},
  ) {
    this.#options = options;
    const text = options.keyText ?? (() => "");
    this.ends = Array.from({ length: definition.parties }, (_, self) => {
      rings[self] ??= new Ring();
      const ring = wordBytesOf(definition) === 8 ? rings[self] : rings[self].narrow;
      const pairKey = (peer: number, label: string) => {
        const [i, j] = [Math.min(self, peer), Math.max(self, peer)];
        return bytesFrom(`key ${i} ${j} ${label} ${text(i, j)}`);
      };
      return { self, ring, scope: ring.scope(), protocol: definition.create({ ring, self, pairKey }) };
    });
  }

  /** Frees everything; a lab is not used after that. */
  close(): void {
    for (const end of this.ends) end.scope.close();
  }

  /**
   * Calls one primitive at every party, each with a site of its own, and runs it to its end. Fails where a primitive
   * takes more or less than one nonce (of several primitives together: `nonces`), or where parties disagree about a round.
   */
  call<T>(primitive: (end: End, site: Site) => Rounds<T> | T, pivot = 0, nonces = 1): Outcome<T> {
    const node = this.#node++;
    const sites = this.ends.map((end) => new TestSite(end.scope, pivot, this.#options.run ?? 1, node));
    const outcome = this.run((end) => primitive(end, sites[end.self]!));
    for (const site of sites) assert.equal(site.nonces, nonces, "nonces taken by one primitive");
    return outcome;
  }

  /** Steps the parties' generators in turn. */
  run<T>(start: (end: End) => Rounds<T> | T): Outcome<T> {
    const { ends } = this;
    const sent = ends.map(() => 0);
    const received: Message[][] = ends.map(() => []);
    const started = ends.map((end) => start(end));
    if (!started.every(isRounds)) {
      assert.ok(!started.some(isRounds), "all parties must agree on whether a primitive communicates");
      return { values: started as T[], rounds: 0, sent, received };
    }
    let deliveries = 0;
    for (let exchange = 0; ; exchange++) {
      const round: number = exchange - deliveries;
      const steps: IteratorResult<Exchange, T>[] = started.map((rounds) => rounds.next());
      if (steps.some((step) => step.done)) {
        assert.ok(
          steps.every((step) => step.done),
          `round ${round}: some parties ended, others did not`,
        );
        return { values: steps.map((step) => step.value as T), rounds: round, sent, received };
      }
      const exchanges = steps.map((step) => step.value as Exchange);
      const { delivery } = exchanges[0]!;
      for (const [party, each] of exchanges.entries()) {
        assert.equal(each.delivery, delivery, `round ${round}: all parties must agree on what is a delivery`);
        if (delivery && party !== this.definition.dealer)
          assert.equal(each.send.length, 0, `round ${round}: party ${party} sends in a delivery`);
      }
      if (delivery) deliveries++;
      deliver(ends, exchanges, exchange, sent, received);
    }
  }
}

/** Moves the words of one round. Messages between two parties are compared transfer by transfer, in order. */
function deliver(
  ends: readonly End[],
  exchanges: readonly Exchange[],
  round: number,
  sent: number[],
  received: Message[][],
) {
  const parcels: { from: number; to: number; bytes: Uint8Array }[] = [];
  for (const [from, exchange] of exchanges.entries())
    for (const { peer, block, bytes, offset } of exchange.send) {
      assert.ok(peer !== from && peer >= 0 && peer < ends.length, `round ${round}: party ${from} sends to ${peer}`);
      parcels.push({ from, to: peer, bytes: ends[from]!.ring.bytes(block, offset ?? 0, bytes).slice() });
      sent[from]! += bytes;
    }
  for (const [to, exchange] of exchanges.entries()) {
    for (const from of ends.keys()) {
      const arriving = parcels.filter((parcel) => parcel.from === from && parcel.to === to);
      const expected = exchange.receive.filter((transfer) => transfer.peer === from);
      const lengths = (list: readonly { bytes: number }[]) => list.map(({ bytes }) => bytes);
      assert.deepEqual(
        arriving.map(({ bytes }) => bytes.length),
        lengths(expected),
        `round ${round}: what party ${from} sends to ${to}`,
      );
      for (const [index, { block, offset, bytes }] of expected.entries()) {
        const parcel = arriving[index]!;
        ends[to]!.ring.bytes(block, offset ?? 0, bytes).set(parcel.bytes);
        received[to]!.push({ from, round, bytes: parcel.bytes });
      }
    }
  }
}

function isRounds<T>(value: Rounds<T> | T): value is Rounds<T> {
  return typeof value === "object" && value !== null && "next" in value;
}

/** 16 bytes from a text. */
export function bytesFrom(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest().subarray(0, 16));
}

// -- secrets in and out of a lab --

/** Shares words as an outsider would, with seeds made from a text. */
export function share(lab: Lab, words: BigUint64Array, text = "share"): Share[] {
  const { sharing } = lab.definition;
  const fixed = new Map<Uint8Array, Uint8Array>();
  const seeds = {
    byParty: sharing.freshSeeds().byParty.map((list) =>
      list.map((seed) => {
        const known = fixed.get(seed) ?? bytesFrom(`${text} ${fixed.size}`);
        fixed.set(seed, known);
        return known;
      }),
    ),
  };
  const correction = sharing.correction(seeds, 0, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  const read = (offset: number, target: Uint8Array) =>
    target.set(correction.subarray(offset * 8, offset * 8 + target.length));
  return lab.call((end, site) => {
    const kept = sharing.keepsCorrection[end.self] ? { correction: read } : {};
    return end.protocol.incoming(site, { seeds: seeds.byParty[end.self]!, ...kept }, words.length, Uint32Array.of(0));
  }).values;
}

/** The words of a sharing, which all parties must see alike. */
export function reveal(lab: Lab, shares: readonly Share[]): BigUint64Array {
  const { values } = lab.call((end, site) => end.protocol.reveal(site, shares[end.self]!));
  const all = values.map((block, party) => take(lab, party, block));
  const words = computing(lab.definition).map((party) => all[party]!);
  for (const other of words.slice(1)) assert.deepEqual(other, words[0], "revealed words differ between parties");
  return words[0]!;
}

/** The parties that hold shares: all but a dealer. */
export function computing({ parties, dealer }: ProtocolDefinition): number[] {
  return Array.from({ length: parties }, (_, party) => party).filter((party) => party !== dealer);
}

/** Copies the words of a party's block out, those of 32 bits with their sign, and frees it. */
export function take(lab: Lab, party: number, block: Block): BigUint64Array {
  const { ring, scope } = lab.ends[party]!;
  const words = new BigUint64Array(ring.words(block).buffer);
  scope.free(block);
  return words;
}

export function free(lab: Lab, ...lists: readonly (readonly Parameters<Protocol["free"]>[1][])[]): void {
  for (const list of lists) for (const end of lab.ends) end.protocol.free(end.scope, list[end.self]!);
}

/**
 * Who may collude without learning anything: any one party, or with a dealer all but one; and the dealer alone. What the largest
 * groups cannot tell, smaller ones cannot either; one of those is there for what its members hear from several others.
 */
export function coalitions(definition: ProtocolDefinition): number[][] {
  const everyone = computing(definition);
  if (definition.dealer === undefined) return everyone.map((party) => [party]);
  const most = everyone.map((party) => everyone.filter((other) => other !== party));
  return [...most, ...(most.length > 2 ? [[0]] : []), [definition.dealer]];
}

/** Keys that are the same for a group, and other ones between those outside it. */
export const keysBeyond =
  (group: readonly number[], text: string) =>
  (i: number, j: number): string =>
    group.includes(i) || group.includes(j) ? "" : text;
