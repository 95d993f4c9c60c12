/**
 * A protocol among four, for tests only and WITHOUT SECRECY: it shows that nothing above the interface assumes three.
 *
 * x = c_0 + c_1 + c_2 + c_3 (XOR for bits), and party i holds all components but c_i, each as a value of `plain`: linear
 * maps and products are local. All else is done by a helper, party pivot mod 4: it is told the values, computes under
 * `plain` and deals the result. Messages are masked, but the helper sees everything, and random words are public.
 */

import { bySize } from "../../src/protocol/cost.js";
import type * as P from "../../src/protocol/index.js";
import { atOnce, inSequence, parallel, plain, sideBySide } from "../../src/protocol/index.js";
import { asBits, asShare, open, openBits } from "../../src/protocol/plain/share.js";
import { planeWords } from "../../src/protocol/planes.js";
import { reader } from "../../src/protocol/stored.js";
import { addWords } from "../../src/protocol/words.js";
import { expander, Prg, type Stream, secureRandom } from "../../src/random/index.js";
import type { Scope } from "../../src/ring/index.js";

const ALL = [0, 1, 2, 3];
/** Streams that everyone knows, by component. */
const PUBLIC = ALL.map((component) => new Prg(new Uint8Array(16).fill(component)));
/** The party that multiplies components a and b: the first that holds both. */
const holder = (a: number, b: number) => ALL.find((party) => party !== a && party !== b)!;

/** The site of one primitive: all its calls to plain get its one nonce. With masks for sharings of zero. */
type At = P.Site & { readonly masks: readonly Stream[] };
type Value = P.Share | P.Product | P.Bits;
type Shape = { readonly n: number; readonly width?: number | undefined };
/** A value at one party: plain values by component, where its own is missing. A Product is the party's summand there. */
function as<T extends Value>(parts: readonly (T | undefined)[]): T {
  const { n, width }: Shape = parts.find((part) => part)!;
  return { n, width, parts } as unknown as T;
}
const partsOf = <T extends Value>(x: T) => (x as unknown as { readonly parts: readonly (T | undefined)[] }).parts;
const part = <T extends Value>(x: T, component: number) => partsOf(x)[component]!;
const column = <T extends Value>(xs: readonly T[], component: number) => xs.map((x) => part(x, component));
/** The words of a plain value. */
const blockOf = (x: Value) => ("width" in x ? openBits(x).planes : open(x).words);
const ZERO = { fill: (target: Uint8Array) => target.fill(0) };
const FRESH = { fill: (target: Uint8Array) => target.set(secureRandom(target.length)) };

function create(host: P.ProtocolHost): P.Protocol {
  const { self, ring } = host;
  const transfer = (peer: number, x: Value) => ({ peer, block: blockOf(x), bytes: ring.bytes(blockOf(x)).length });
  const clear = plain.create(host);
  const others = ALL.filter((party) => party !== self);
  /** With the next party and with the previous one: what one adds to its summand, the other takes off. */
  const keys = [self + 1, self + 3].map((peer) => new Prg(host.pairKey(peer % 4, "four")));

  const once = (site: P.Site): At => {
    const id = site.nonce();
    return { scope: site.scope, pivot: site.pivot, nonce: () => id, masks: keys.map((key) => key.stream(id)) };
  };
  const each = <T extends Value>(make: (c: number) => T) => as(ALL.map((c) => (c === self ? undefined : make(c))));
  const local = <T extends Value>(site: P.Site, make: (at: At, c: number) => T, at = once(site)) =>
    each((c) => make(at, c));
  const product = (x: P.Product) => as(ALL.map((c) => (c === self ? x : undefined)));
  /** A plain value of a shape. */
  const drawn = <T extends Value>(scope: Scope, { n, width }: Shape, source?: { fill(target: Uint8Array): void }) => {
    const block = scope.alloc(width === undefined ? n : width * planeWords(n, ring));
    source?.fill(ring.bytes(block));
    return (width === undefined ? asShare(n, block) : asBits(n, width, block)) as T;
  };
  const accumulate = (how: "add" | "sub", sum: Value, term: Value) => {
    const { ptr, words } = blockOf(sum);
    ring.kernels["width" in sum ? "xor" : how](ptr, ptr, blockOf(term).ptr, words);
  };
  /** What this party adds to x, masked by its part of a sharing of zero. */
  const summand = <T extends Value>(at: At, x: T): T => {
    const [sum, mask] = at.masks.map((mask) => drawn<T>(at.scope, x, mask)) as [T, T];
    accumulate("sub", sum, mask);
    clear.free(at.scope, mask);
    for (const [c, held] of partsOf(x).entries())
      if (held && (c === self || holder(c, c) === self)) accumulate("add", sum, held);
    return sum;
  };
  /** One round: everyone sends its summand. Returns the plain value at those told, noise of its shape elsewhere. */
  function* tell<T extends Value>(at: At, x: T, to: readonly number[]): P.Rounds<T> {
    const sum = summand(at, x);
    const send = others.filter((peer) => to.includes(peer)).map((peer) => transfer(peer, sum));
    const terms = (to.includes(self) ? others : []).map(() => drawn<T>(at.scope, x));
    yield { send, receive: terms.map((term, index) => transfer(others[index]!, term)) };
    for (const term of terms) {
      accumulate("add", sum, term);
      clear.free(at.scope, term);
    }
    return sum;
  }
  /** One round: all split plain values of one shape, but the components of `owner` replace those of the others. */
  function* deal<T extends Value>({ scope }: At, owner: number, value: T): P.Rounds<T> {
    const parts = [value, ...[1, 2, 3].map(() => drawn<T>(scope, value, FRESH))];
    for (const random of parts.slice(1)) accumulate("sub", value, random);
    const transfers = (peer: number, to: number) => parts.toSpliced(to, 1).map((held) => transfer(peer, held));
    if (self === owner) yield { send: others.flatMap((peer) => transfers(peer, peer)), receive: [] };
    else yield { send: [], receive: transfers(owner, self) };
    clear.free(scope, parts[self]!);
    return each((c) => parts[c]!);
  }
  /** The components that this party adds to a sum, unmasked. */
  const own = (scope: Scope, x: Value) => {
    const sum = drawn<P.Product>(scope, { n: x.n }, ZERO);
    for (const [c, held] of partsOf(x).entries()) if (held && holder(c, c) === self) accumulate("add", sum, held);
    for (const held of partsOf(x)) if (held) clear.free(scope, held);
    return product(sum);
  };
  type Compute<I extends readonly Value[], T> = (at: At, ...values: I) => P.Rounds<T>;
  /** Two rounds. All compute, so that all know the shape of the result, but only the helper on the true values. */
  function* help<I extends Value[], T extends Value>(site: P.Site, inputs: readonly [...I], compute: Compute<I, T>) {
    const [at, helper] = [once(site), site.pivot % 4];
    const values = yield* parallel(inputs.map((x) => tell(at, x, [helper])));
    const result = yield* compute(at, ...(values as I));
    for (const value of values) clear.free(at.scope, value);
    return yield* deal(at, helper, result);
  }

  return {
    definition: four,
    self,
    fromPublic: (site, words) =>
      local(site, (at, c) => (c === 0 ? clear.fromPublic(at, words) : drawn(at.scope, { n: words.words }, ZERO))),
    linear: (site, xs, n, map) => local(site, (at, c) => clear.linear(at, column(xs, c), n, map)),
    product(site, x, y, n, map) {
      const sum = drawn<P.Product>(once(site).scope, { n }, ZERO);
      for (const a of ALL)
        for (const b of ALL)
          if (holder(a, b) === self) map(blockOf(sum), blockOf(part(x, a)), blockOf(part(y, b)), true);
      return atOnce(product(sum));
    },
    lift: (site, x) => product(summand(once(site), x) as unknown as P.Product),
    linearProduct: (site, xs, n, map) => product(clear.linearProduct(once(site), column(xs, self), n, map)),
    random: (site, n) => local(site, (at, c) => drawn(at.scope, { n }, PUBLIC[c]!.stream(at.nonce()))),
    *separable(site, x, f) {
      return own(site.scope, yield* help(site, [x], (at, z) => clear.separable(at, z, f)));
    },
    reshare: (site, x) => help(site, [x], (at, z) => clear.reshare(at, z)),
    truncate: (site, x, shift) => help(site, [x], (at, z) => clear.truncate(at, z, shift)),
    xor: (site, x, y) => local(site, (at, c) => clear.xor(at, part(x, c), part(y, c))),
    not: (site, x) =>
      local(site, (at, c) => (c ? clear.planes(at, part(x, c), 0, x.width) : clear.not(at, part(x, c)))),
    linearBits: (site, xs, n, width, map) => local(site, (at, c) => clear.linearBits(at, column(xs, c), n, width, map)),
    planes: (site, x, from, count) => local(site, (at, c) => clear.planes(at, part(x, c), from, count)),
    join: (site, xs) => local(site, (at, c) => clear.join(at, column(xs, c))),
    and: (site, x, y) => help(site, [x, y], (at, a, b) => clear.and(at, a, b)),
    msb: (site, x, width) => help(site, [x], (at, z) => clear.msb(at, z, width)),
    isZero: (site, x, width) => help(site, [x], (at, z) => clear.isZero(at, z, width)),
    toBits: (site, x, width) => help(site, [x], (at, z) => clear.toBits(at, z, width)),
    fromBits: (site, bits) => help(site, [bits], (at, b) => clear.fromBits(at, b)),
    *weigh(site, bits, weights) {
      return own(site.scope, yield* help(site, [bits], (at, b) => clear.weigh(at, b, weights)));
    },
    select: (site, bits, x) => help(site, [bits, x], (at, b, z) => clear.select(at, b, z)),
    input: (site, owner, words, n) =>
      deal(
        once(site),
        owner,
        drawn(site.scope, { n }, words && { fill: (to) => to.set(ring.bytes(words, 0, n * ring.wordBytes)) }),
      ),
    *reveal(site, x) {
      return blockOf(yield* tell(once(site), x, ALL));
    },
    *revealTo(site, x, to) {
      const sum = yield* tell(once(site), x, [to]);
      if (self !== to) clear.free(site.scope, sum);
      return self === to ? blockOf(sum) : undefined;
    },
    outgoing: (site, x) => blockOf(summand(once(site), x)),
    incoming(site, { seeds, correction }, rowWords, rows) {
      const readers = [...(correction ? [correction] : []), ...seeds.map(reader)];
      return local(site, (at) => clear.incoming(at, { seeds: [], correction: readers.shift()! }, rowWords, rows));
    },
    free(scope, x) {
      for (const held of partsOf(x)) if (held) clear.free(scope, held);
    },
    move: (x, from, to) => each((c) => clear.move(part(x, c), from, to)),
    save: (x) =>
      Buffer.concat(partsOf(x).map((held) => (held ? clear.save(held) : new Uint8Array(x.n * ring.wordBytes)))),
    reduced: (scope, wide) => each((c) => clear.reduced(scope, part(wide, c))),
    load: (scope, saved) =>
      each((c) => clear.load(scope, saved.subarray((c * saved.length) / 4, ((c + 1) * saved.length) / 4))),
  };
}

const costs = bySize((word): P.Costs => {
  const round = (words: (party: number) => number) => ({
    rounds: 1,
    bytes: ALL.map((party) => word.wordBytes * words(party)),
  });
  const told = (n: number, to: number) => round((party) => (party === to ? 0 : n));
  /** Three components for each of the three others. */
  const dealt = (n: number, owner: number) => round((party) => (party === owner ? 9 * n : 0));
  const helped = (n: number, result: number, pivot: number) => inSequence(told(n, pivot % 4), dealt(result, pivot % 4));
  const planes = (n: number) => planeWords(n, word);
  return {
    wordBits: word.wordBits,
    product: () => ({ rounds: 0, bytes: ALL.map(() => 0) }),
    separable: (n, _terms, outputs, pivot) => helped(n, outputs * n, pivot),
    reshare: (n, pivot) => helped(n, n, pivot),
    truncate: (n, _shift, pivot) => helped(n, n, pivot),
    and: (n, width, pivot) => helped(2 * width * planes(n), width * planes(n), pivot),
    msb: (n, _width, pivot) => helped(n, planes(n), pivot),
    isZero: (n, _width, pivot) => helped(n, planes(n), pivot),
    toBits: (n, width, pivot) => helped(n, width * planes(n), pivot),
    fromBits: (n, pivot) => helped(planes(n), n, pivot),
    weigh: (n, width, outputs, pivot) => helped(width * planes(n), outputs * n, pivot),
    select: (n, pivot) => helped(planes(n) + n, n, pivot),
    input: dealt,
    reveal: (n) => sideBySide(...ALL.map((to) => told(n, to))),
    revealTo: told,
  };
});

export const four: P.ProtocolDefinition = {
  name: "four",
  parties: 4,
  protects: "Nothing: it is a test.",
  create,
  costs,
  sharing: {
    freshSeeds() {
      const seeds = [1, 2, 3].map(() => secureRandom(16));
      return { byParty: ALL.map((party) => seeds.filter((_, index) => index + 1 !== party)) };
    },
    correction(seeds, offset, words) {
      const terms = seeds.byParty[0]!.map(() => new Uint8Array(words.length));
      for (const [index, seed] of seeds.byParty[0]!.entries()) expander(seed)(offset, terms[index]!);
      return addWords([words], terms);
    },
    keepsCorrection: [false, true, true, true],
    combine: (parts, wordBytes) => addWords(parts, [], wordBytes),
  },
};
