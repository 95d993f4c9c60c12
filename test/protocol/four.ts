/**
 * A protocol among four, for tests only and WITHOUT ANY SECRECY: everything that needs a message is done by a helper in
 * the clear, and all masks come from a public key. It shows that nothing above the interface assumes three parties.
 *
 * x = c_0 + c_1 + c_2 + c_3 (XOR for bits), party i holds all components but c_i. Products are local: each pair of
 * components goes to the lowest party that holds both.
 */
import {
  checkRange,
  checkSame,
  checkWidth,
  openBits as clearBits,
  open as clearWords,
  planeWords,
} from "../../src/protocol/plain/share.js";
import type * as P from "../../src/protocol/protocol.js";
import type { Rounds } from "../../src/protocol/rounds.js";
import { expander, secureRandom } from "../../src/random/index.js";
import type { Block, Scope } from "../../src/ring/index.js";
import { ALL, as, Helper, holder, open } from "./four-helper.js";

class FourParty implements P.Protocol {
  readonly definition = four;
  readonly self: number;
  readonly #helper: Helper;

  constructor(host: P.ProtocolHost) {
    this.self = host.self;
    this.#helper = new Helper(host);
  }
  get #kernels() {
    return this.#helper.kernels;
  }
  #map(site: P.Site, words: number, write: (ptr: number, component: number) => void) {
    site.nonce();
    return this.#helper.parts((c) => this.#helper.alloc(site, words, (ptr) => write(ptr, c)));
  }

  fromPublic(site: P.Site, { ptr, words: n }: Block): P.Share {
    const write = (to: number, c: number) => (c === 0 ? this.#kernels.copy(to, ptr, n) : this.#kernels.fill(to, 0n, n));
    return as(n, 0, n, this.#map(site, n, write));
  }
  linear(site: P.Site, inputs: readonly P.Share[], n: number, map: P.Linear): P.Share {
    site.nonce();
    const apply = (c: number) => {
      const dst = site.scope.alloc(n);
      map(
        dst,
        inputs.map((input) => open(input).parts[c]!),
      );
      return dst;
    };
    return as(n, 0, n, this.#helper.parts(apply));
  }
  product(site: P.Site, x: P.Share, y: P.Share, n: number, map: P.Bilinear): P.Product {
    site.nonce();
    const dst = this.#helper.alloc(site, n, (ptr) => this.#kernels.fill(ptr, 0n, n));
    for (const a of ALL)
      for (const b of ALL) if (holder(a, b) === this.self) map(dst, open(x).parts[a]!, open(y).parts[b]!, true);
    return as(n, 0, n, [dst]);
  }
  lift(site: P.Site, x: P.Share): P.Product {
    site.nonce();
    return as(x.n, 0, x.n, [this.#helper.summand(site, x, "add").mine]);
  }
  linearProduct(site: P.Site, inputs: readonly P.Product[], n: number, map: P.Linear): P.Product {
    site.nonce();
    const dst = site.scope.alloc(n);
    map(
      dst,
      inputs.map((input) => open(input).parts[0]!),
    );
    return as(n, 0, n, [dst]);
  }
  random(site: P.Site, n: number): P.Share {
    const draw = this.#helper.drawer(site);
    const drawn = ALL.map(() => draw(n));
    site.scope.free(drawn[this.self]!);
    return as(
      n,
      0,
      n,
      this.#helper.parts((c) => drawn[c]!),
    );
  }

  #product(site: P.Site, x: P.Product) {
    return { group: "add" as const, mine: this.#helper.copy(site, open(x).parts[0]!) };
  }
  reshare(site: P.Site, x: P.Product): Rounds<P.Share> {
    return this.#helper.toShare(site, [this.#product(site, x)], x.n, ([z]) => this.#helper.copy(site, z!));
  }
  truncate(site: P.Site, x: P.Product, shift: number): Rounds<P.Share> {
    const { clear } = this.#helper;
    if (!(shift >= 1 && shift <= 61)) return clear.truncate(site, x, shift);
    return this.#helper.toShare(site, [this.#product(site, x)], x.n, ([z], inner) => {
      const words = clear.fromPublic(inner, z!);
      const result = done(clear.truncate(inner, words as unknown as P.Product, shift), clearWords);
      clear.free(site.scope, words);
      return result.words;
    });
  }

  xor(site: P.Site, x: P.Bits, y: P.Bits): P.Bits {
    checkSame("xor", x.n, y.n);
    const [{ n, width, words, parts }, right] = [open(x), open(y)];
    const write = (to: number, c: number) => this.#kernels.xor(to, parts[c]!.ptr, right.parts[c]!.ptr, words);
    return as(n, width, words, this.#map(site, words, write));
  }
  not(site: P.Site, x: P.Bits): P.Bits {
    const { n, width, words, parts } = open(x);
    const write = (to: number, c: number) => this.#kernels[c === 0 ? "not" : "copy"](to, parts[c]!.ptr, words);
    return as(n, width, words, this.#map(site, words, write));
  }
  planes(site: P.Site, x: P.Bits, from: number, count: number): P.Bits {
    checkRange("planes", from, count, x.width);
    const words = count * planeWords(x.n);
    const at = from * planeWords(x.n) * 8;
    const write = (to: number, c: number) => this.#kernels.copy(to, open(x).parts[c]!.ptr + at, words);
    return as(x.n, count, words, this.#map(site, words, write));
  }
  and(site: P.Site, x: P.Bits, y: P.Bits): Rounds<P.Bits> {
    checkSame("and", x.width, y.width);
    const inputs = [x, y].map((bits) => this.#helper.summand(site, bits, "xor"));
    return this.#helper.toBits(site, inputs, x.n, x.width, ([a, b]) =>
      this.#helper.alloc(site, a!.words, (ptr) => this.#kernels.and(ptr, a!.ptr, b!.ptr, a!.words)),
    );
  }
  msb(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    checkWidth("msb", width, 2);
    return this.#look(site, x, 1, (clear, inner, words) => clear.msb(inner, words, width));
  }
  isZero(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    checkWidth("isZero", width, 1);
    return this.#look(site, x, 1, (clear, inner, words) => clear.isZero(inner, words, width));
  }
  toBits(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    checkWidth("toBits", width, 1);
    return this.#look(site, x, width, (clear, inner, words) => clear.toBits(inner, words, width));
  }
  /** The helper looks at the bits of x in the clear. */
  #look(
    site: P.Site,
    x: P.Share,
    width: number,
    look: (clear: P.Protocol, inner: P.Site, words: P.Share) => Rounds<P.Bits>,
  ): Rounds<P.Bits> {
    const { clear } = this.#helper;
    return this.#helper.toBits(site, [this.#helper.summand(site, x, "add")], x.n, width, ([z], inner) => {
      const words = clear.fromPublic(inner, z!);
      const { planes } = done(look(clear, inner, words), clearBits);
      clear.free(site.scope, words);
      return planes;
    });
  }
  fromBits(site: P.Site, bits: P.Bits): Rounds<P.Share> {
    checkSame("fromBits (planes)", bits.width, 1);
    return this.#helper.toShare(site, [this.#helper.summand(site, bits, "xor")], bits.n, ([b]) =>
      this.#helper.alloc(site, bits.n, (ptr) => this.#kernels.unslice(ptr, b!.ptr, bits.n, 1)),
    );
  }
  select(site: P.Site, bits: P.Bits, x: P.Share): Rounds<P.Share> {
    checkSame("select", bits.n, x.n);
    const inputs = [this.#helper.summand(site, bits, "xor"), this.#helper.summand(site, x, "add")];
    return this.#helper.toShare(site, inputs, x.n, ([b, v]) =>
      this.#helper.alloc(site, x.n, (ptr) => {
        this.#kernels.unslice(ptr, b!.ptr, x.n, 1);
        this.#kernels.mul(ptr, ptr, v!.ptr, x.n);
      }),
    );
  }

  *input(site: P.Site, owner: number, words: Block | undefined, n: number): Rounds<P.Share> {
    const mine = owner === this.self ? this.#helper.copy(site, words!) : undefined;
    return as<P.Share>(n, 0, n, yield* this.#helper.deal(site, this.#helper.drawer(site), owner, mine, n, "add"));
  }
  *reveal(site: P.Site, x: P.Share): Rounds<Block> {
    site.nonce();
    const [next, previous] = [(this.self + 1) % 4, (this.self + 3) % 4];
    const result = site.scope.alloc(x.n);
    yield {
      send: [{ peer: previous, block: open(x).parts[previous]!, bytes: x.n * 8 }],
      receive: [{ peer: next, block: result, bytes: x.n * 8 }],
    };
    return this.#addUp(result, x);
  }
  *revealTo(site: P.Site, x: P.Share, to: number): Rounds<Block | undefined> {
    site.nonce();
    const teller = (to + 1) % 4;
    const transfer = (peer: number, block: Block) => [{ peer, block, bytes: x.n * 8 }];
    if (this.self !== to) {
      yield { send: this.self === teller ? transfer(to, open(x).parts[to]!) : [], receive: [] };
      return undefined;
    }
    const result = site.scope.alloc(x.n);
    yield { send: [], receive: transfer(teller, result) };
    return this.#addUp(result, x);
  }
  #addUp(result: Block, x: P.Share): Block {
    for (const block of open(x).parts) if (block) this.#kernels.add(result.ptr, result.ptr, block.ptr, x.n);
    return result;
  }
  outgoing(site: P.Site, x: P.Share): Block {
    return this.#helper.mask(site, this.#helper.drawer(site), this.#helper.summand(site, x, "add"));
  }
  incoming(site: P.Site, { seeds, correction }: P.StoredShare, rowWords: number, rows: Uint32Array): P.Share {
    site.nonce();
    const n = rows.length * rowWords;
    const left = [...seeds];
    const make = (c: number) => {
      const block = site.scope.alloc(n);
      const read = c === 0 ? correction! : expander(left.shift()!);
      for (const [index, row] of rows.entries())
        read(row * rowWords, this.#helper.host.ring.bytes(block, index * rowWords * 8, rowWords * 8));
      return block;
    };
    return as(n, 0, n, this.#helper.parts(make));
  }
  free(scope: Scope, value: P.Share | P.Product | P.Bits): void {
    for (const block of open(value).parts) if (block) scope.free(block);
  }
  move(value: P.Share, from: Scope, to: Scope): P.Share {
    const parts = open(value).parts.map((block) => block && from.move(block, to));
    return as(value.n, 0, value.n, parts);
  }
  save(x: P.Share): Uint8Array {
    return Buffer.concat(open(x).parts.flatMap((block) => (block ? [this.#helper.host.ring.bytes(block)] : [])));
  }
  load(scope: Scope, saved: Uint8Array): P.Share {
    const n = saved.length / 24;
    let at = 0;
    const make = () => {
      const block = scope.alloc(n);
      this.#helper.host.ring.bytes(block).set(saved.subarray(at, at + n * 8));
      at += n * 8;
      return block;
    };
    return as(n, 0, n, this.#helper.parts(make));
  }
}

/** What a generator of plain returns; it does not yield. */
function done<T, U>(rounds: Rounds<T>, look: (value: T) => U): U {
  const step = rounds.next();
  if (!step.done) throw new Error("plain does not communicate");
  return look(step.value);
}

const dealt = (n: number, owner: number) => ALL.map((party) => (party === owner ? n * 8 * (owner === 0 ? 3 : 2) : 0));
const helped = (sent: number, n: number, pivot: number) => ({
  rounds: 2,
  bytes: dealt(n, pivot % 4).map((bytes, party) => (party === pivot % 4 ? bytes : sent * 8)),
});
const costs: P.Costs = {
  reshare: (n, pivot) => helped(n, n, pivot),
  truncate: (n, _shift, pivot) => helped(n, n, pivot),
  and: (n, width, pivot) => helped(2 * width * planeWords(n), width * planeWords(n), pivot),
  msb: (n, _width, pivot) => helped(n, planeWords(n), pivot),
  isZero: (n, _width, pivot) => helped(n, planeWords(n), pivot),
  toBits: (n, width, pivot) => helped(n, width * planeWords(n), pivot),
  fromBits: (n, pivot) => helped(planeWords(n), n, pivot),
  select: (n, pivot) => helped(n + planeWords(n), n, pivot),
  input: (n, owner) => ({ rounds: 1, bytes: dealt(n, owner) }),
  reveal: (n) => ({ rounds: 1, bytes: ALL.map(() => n * 8) }),
  revealTo: (n, to) => ({ rounds: 1, bytes: ALL.map((party) => (party === (to + 1) % 4 ? n * 8 : 0)) }),
};

const wordsOf = (bytes: Uint8Array) => new BigUint64Array(bytes.slice().buffer);
const sharing: P.Sharing = {
  freshSeeds() {
    const seeds = [1, 2, 3].map(() => secureRandom(16));
    return { byParty: ALL.map((party) => seeds.filter((_, index) => index + 1 !== party)) };
  },
  correction(seeds, offset, plainWords) {
    const result = wordsOf(plainWords);
    for (const seed of seeds.byParty[0]!) {
      const part = new BigUint64Array(result.length);
      expander(seed)(offset, new Uint8Array(part.buffer));
      for (const [index, word] of part.entries()) result[index]! -= word;
    }
    return new Uint8Array(result.buffer);
  },
  keepsCorrection: [false, true, true, true],
  combine(parts) {
    const [first, ...rest] = parts.map(wordsOf);
    for (const part of rest) for (const [index, word] of part.entries()) first![index]! += word;
    return new Uint8Array(first!.buffer);
  },
};

export const four: P.ProtocolDefinition = {
  name: "four",
  parties: 4,
  protects: "Nothing: it is a test.",
  costs,
  sharing,
  create: (host) => new FourParty(host),
};
