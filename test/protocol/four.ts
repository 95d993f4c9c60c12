/**
 * A protocol among four, for tests only and WITHOUT ANY SECRECY: everything that needs a message is done by a helper in
 * the clear, and all masks come from a public key. It shows that nothing above the interface assumes three parties.
 *
 * x = c_0 + c_1 + c_2 + c_3 (XOR for bits), party i holds all components but c_i. Products are local: each pair of
 * components goes to the lowest party that holds both. The helper is the party site.pivot mod 4.
 */
import { plain } from "../../src/protocol/index.js";
import { openBits as clearBits, open as clearWords, planeWords } from "../../src/protocol/plain/share.js";
import type * as P from "../../src/protocol/protocol.js";
import type { Rounds } from "../../src/protocol/rounds.js";
import { expander, Prg, secureRandom } from "../../src/random/index.js";
import type { Block, Scope } from "../../src/ring/index.js";

/** A share, product or bits: `parts[self]` is missing; a product has one summand only. */
class Four {
  constructor(
    readonly n: number,
    readonly width: number,
    readonly words: number,
    readonly parts: readonly (Block | undefined)[],
  ) {}
}
const open = (value: P.Share | P.Product | P.Bits) => value as unknown as Four;
const as = <T>(n: number, width: number, words: number, parts: readonly (Block | undefined)[]): T =>
  new Four(n, width, words, parts) as unknown as T;
const ALL = [0, 1, 2, 3];
const others = (self: number) => ALL.filter((index) => index !== self);
const lowestBeside = (a: number, b: number) => ALL.find((party) => party !== a && party !== b)!;
type Group = "add" | "xor";
/** A value on its way to the helper: this party's summand. */
interface Summand {
  readonly group: Group;
  readonly words: number;
  readonly mine: Block;
}

class FourParty implements P.Protocol {
  readonly definition = four;
  readonly self: number;
  readonly #host: P.ProtocolHost;
  readonly #prg = new Prg(new TextEncoder().encode("four-is-a-test!!"));
  readonly #clear: P.Protocol;

  constructor(host: P.ProtocolHost) {
    this.#host = host;
    this.self = host.self;
    this.#clear = plain.create(host);
  }

  #parts(make: (component: number) => Block): (Block | undefined)[] {
    return ALL.map((component) => (component === this.self ? undefined : make(component)));
  }
  #alloc(site: P.Site, words: number, fill?: (ptr: number) => void): Block {
    const block = site.scope.alloc(words);
    fill?.(block.ptr);
    return block;
  }
  get #kernels() {
    return this.#host.ring.kernels;
  }

  fromPublic(site: P.Site, words: Block): P.Share {
    site.nonce();
    const n = words.words;
    const make = (c: number) =>
      this.#alloc(site, n, (ptr) => (c === 0 ? this.#kernels.copy(ptr, words.ptr, n) : this.#kernels.fill(ptr, 0n, n)));
    return as(n, 0, n, this.#parts(make));
  }
  linear(site: P.Site, inputs: readonly P.Share[], n: number, map: P.Linear): P.Share {
    site.nonce();
    const make = (c: number) => {
      const dst = site.scope.alloc(n);
      map(
        dst,
        inputs.map((input) => open(input).parts[c]!),
      );
      return dst;
    };
    return as(n, 0, n, this.#parts(make));
  }
  product(site: P.Site, x: P.Share, y: P.Share, n: number, map: P.Bilinear): P.Product {
    site.nonce();
    const dst = this.#alloc(site, n, (ptr) => this.#kernels.fill(ptr, 0n, n));
    for (const a of ALL)
      for (const b of ALL) if (lowestBeside(a, b) === this.self) map(dst, open(x).parts[a]!, open(y).parts[b]!, true);
    return as(n, 0, n, [dst]);
  }
  lift(site: P.Site, x: P.Share): P.Product {
    site.nonce();
    return as(x.n, 0, x.n, [this.#summand(site, open(x), "add").mine]);
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
    const draw = this.#drawer(site);
    const drawn = ALL.map(() => draw(n));
    site.scope.free(drawn[this.self]!);
    return as(
      n,
      0,
      n,
      this.#parts((c) => drawn[c]!),
    );
  }
  reshare(site: P.Site, x: P.Product): Rounds<P.Share> {
    return this.#words(site, [this.#product(site, x)], x.n, ([z]) => this.#copy(site, z!));
  }
  truncate(site: P.Site, x: P.Product, shift: number): Rounds<P.Share> {
    return this.#words(site, [this.#product(site, x)], x.n, ([z], inner) => {
      const clear = this.#clear.fromPublic(inner, z!) as unknown as P.Product;
      const words = done(this.#clear.truncate(inner, clear, shift), clearWords);
      this.#clear.free(site.scope, clear);
      return words;
    });
  }

  xor(site: P.Site, x: P.Bits, y: P.Bits): P.Bits {
    site.nonce();
    const [left, right] = [open(x), open(y)];
    const make = (c: number) =>
      this.#alloc(site, left.words, (ptr) =>
        this.#kernels.xor(ptr, left.parts[c]!.ptr, right.parts[c]!.ptr, left.words),
      );
    return as(left.n, left.width, left.words, this.#parts(make));
  }
  not(site: P.Site, x: P.Bits): P.Bits {
    site.nonce();
    const { n, width, words, parts } = open(x);
    const make = (c: number) =>
      this.#alloc(site, words, (ptr) => this.#kernels[c === 0 ? "not" : "copy"](ptr, parts[c]!.ptr, words));
    return as(n, width, words, this.#parts(make));
  }
  and(site: P.Site, x: P.Bits, y: P.Bits): Rounds<P.Bits> {
    return this.#bits(
      site,
      [this.#summand(site, open(x), "xor"), this.#summand(site, open(y), "xor")],
      x.n,
      x.width,
      ([a, b]) => this.#alloc(site, a!.words, (ptr) => this.#kernels.and(ptr, a!.ptr, b!.ptr, a!.words)),
    );
  }
  msb(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    return this.#planes(site, x, 1, (inner, clear) => this.#clear.msb(inner, clear, width));
  }
  isZero(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    return this.#planes(site, x, 1, (inner, clear) => this.#clear.isZero(inner, clear, width));
  }
  toBits(site: P.Site, x: P.Share, width: number): Rounds<P.Bits> {
    return this.#planes(site, x, width, (inner, clear) => this.#clear.toBits(inner, clear, width));
  }
  fromBits(site: P.Site, bits: P.Bits): Rounds<P.Share> {
    return this.#words(site, [this.#summand(site, open(bits), "xor")], bits.n, ([b]) =>
      this.#alloc(site, bits.n, (ptr) => this.#kernels.unslice(ptr, b!.ptr, bits.n, 1)),
    );
  }
  select(site: P.Site, bits: P.Bits, x: P.Share): Rounds<P.Share> {
    const { n } = x;
    return this.#words(
      site,
      [this.#summand(site, open(bits), "xor"), this.#summand(site, open(x), "add")],
      n,
      ([b, v]) =>
        this.#alloc(site, n, (ptr) => {
          this.#kernels.unslice(ptr, b!.ptr, n, 1);
          this.#kernels.mul(ptr, ptr, v!.ptr, n);
        }),
    );
  }

  *input(site: P.Site, owner: number, words: Block | undefined, n: number): Rounds<P.Share> {
    const mine = owner === this.self ? this.#copy(site, words!) : undefined;
    return as<P.Share>(n, 0, n, yield* this.#deal(site, this.#drawer(site), owner, mine, n, "add"));
  }
  *reveal(site: P.Site, x: P.Share): Rounds<Block> {
    site.nonce();
    const { parts, words } = open(x);
    const [next, previous] = [(this.self + 1) % 4, (this.self + 3) % 4];
    const result = site.scope.alloc(words);
    yield {
      send: [{ peer: previous, block: parts[previous]!, bytes: words * 8 }],
      receive: [{ peer: next, block: result, bytes: words * 8 }],
    };
    for (const c of others(this.self)) this.#kernels.add(result.ptr, result.ptr, parts[c]!.ptr, words);
    return result;
  }
  *revealTo(site: P.Site, x: P.Share, to: number): Rounds<Block | undefined> {
    site.nonce();
    const { parts, words } = open(x);
    const helper = (to + 1) % 4;
    const bytes = words * 8;
    if (this.self !== to) {
      yield { send: this.self === helper ? [{ peer: to, block: parts[to]!, bytes }] : [], receive: [] };
      return undefined;
    }
    const result = site.scope.alloc(words);
    yield { send: [], receive: [{ peer: helper, block: result, bytes }] };
    for (const c of others(to)) this.#kernels.add(result.ptr, result.ptr, parts[c]!.ptr, words);
    return result;
  }
  outgoing(site: P.Site, x: P.Share): Block {
    return this.#mask(site, this.#drawer(site), this.#summand(site, open(x), "add"));
  }
  incoming(site: P.Site, stored: P.StoredShare, rowWords: number, rows: Uint32Array): P.Share {
    site.nonce();
    const n = rows.length * rowWords;
    const seeds = [...stored.seeds];
    const make = (c: number) => {
      const block = site.scope.alloc(n);
      const read = c === 0 ? stored.correction! : expander(seeds.shift()!);
      for (const [index, row] of rows.entries())
        read(row * rowWords, this.#host.ring.bytes(block, index * rowWords * 8, rowWords * 8));
      return block;
    };
    return as(n, 0, n, this.#parts(make));
  }
  free(scope: Scope, value: P.Share | P.Product | P.Bits): void {
    for (const block of open(value).parts) if (block) scope.free(block);
  }
  move(value: P.Share, from: Scope, to: Scope): P.Share {
    const { n, words, parts } = open(value);
    return as(
      n,
      0,
      words,
      parts.map((block) => block && from.move(block, to)),
    );
  }
  save(x: P.Share): Uint8Array {
    return Buffer.concat(others(this.self).map((c) => this.#host.ring.bytes(open(x).parts[c]!)));
  }
  load(scope: Scope, saved: Uint8Array): P.Share {
    const bytes = saved.length / 3;
    let at = 0;
    const make = () => {
      const block = scope.alloc(bytes / 8);
      this.#host.ring.bytes(block).set(saved.subarray(at, at + bytes));
      at += bytes;
      return block;
    };
    return as(bytes / 8, 0, bytes / 8, this.#parts(make));
  }

  // -- the helper --

  #drawer(site: P.Site): (words: number) => Block {
    const stream = this.#prg.stream(site.nonce());
    return (words) => {
      const block = site.scope.alloc(words);
      stream.fill(this.#host.ring.bytes(block));
      return block;
    };
  }
  #copy(site: P.Site, block: Block): Block {
    return this.#alloc(site, block.words, (ptr) => this.#kernels.copy(ptr, block.ptr, block.words));
  }
  #summand(site: P.Site, { words, parts }: Four, group: Group): Summand {
    const mine = this.#alloc(site, words, (ptr) => this.#kernels.fill(ptr, 0n, words));
    for (const c of ALL)
      if (lowestBeside(c, c) === this.self) this.#kernels[group](mine.ptr, mine.ptr, parts[c]!.ptr, words);
    return { group, words, mine };
  }
  #product(site: P.Site, x: P.Product): Summand {
    return { group: "add", words: x.n, mine: this.#copy(site, open(x).parts[0]!) };
  }
  /** Adds this party's part of a (public) sharing of zero. */
  #mask(site: P.Site, draw: (words: number) => Block, { group, words, mine }: Summand): Block {
    const zero = [1, 2, 3].map(() => draw(words));
    const undo = group === "add" ? "sub" : "xor";
    for (const [index, block] of zero.entries()) {
      if (this.self === index + 1) this.#kernels[group](mine.ptr, mine.ptr, block.ptr, words);
      else if (this.self === 0) this.#kernels[undo](mine.ptr, mine.ptr, block.ptr, words);
      site.scope.free(block);
    }
    return mine;
  }
  /** One round: components 1 to 3 are drawn, `owner`, who holds the value, sends component 0 to whoever needs it. */
  *#deal(
    site: P.Site,
    draw: (words: number) => Block,
    owner: number,
    value: Block | undefined,
    words: number,
    group: Group,
  ): Rounds<(Block | undefined)[]> {
    const first = value ?? site.scope.alloc(words);
    const drawn = [first, draw(words), draw(words), draw(words)];
    if (value)
      for (const c of [1, 2, 3])
        this.#kernels[group === "add" ? "sub" : "xor"](first.ptr, first.ptr, drawn[c]!.ptr, words);
    const bytes = words * 8;
    const isReceiver = this.self !== 0 && this.self !== owner;
    yield {
      send: value ? [1, 2, 3].filter((peer) => peer !== owner).map((peer) => ({ peer, block: first, bytes })) : [],
      receive: isReceiver ? [{ peer: owner, block: first, bytes }] : [],
    };
    site.scope.free(drawn[this.self]!);
    return this.#parts((c) => drawn[c]!);
  }
  /** Two rounds: masked summands to the helper, which adds them up, evaluates, and deals the result. */
  *#viaHelper(
    site: P.Site,
    inputs: readonly Summand[],
    words: number,
    group: Group,
    evaluate: (clear: Block[], inner: P.Site) => Block,
  ): Rounds<(Block | undefined)[]> {
    const nonce = site.nonce();
    const inner: P.Site = { scope: site.scope, pivot: 0, nonce: () => nonce };
    const draw = this.#drawer(inner);
    const helper = site.pivot % 4;
    const masked = inputs.map((input) => this.#mask(site, draw, input));
    const send = masked.map((block) => ({ peer: helper, block, bytes: block.words * 8 }));
    const arriving = masked.map((block) =>
      others(helper).map((peer) => ({ peer, block: site.scope.alloc(block.words), bytes: block.words * 8 })),
    );
    yield this.self === helper ? { send: [], receive: arriving.flat() } : { send, receive: [] };
    let value: Block | undefined;
    if (this.self === helper) {
      for (const [index, { group: by, words: size }] of inputs.entries())
        for (const { block } of arriving[index]!)
          this.#kernels[by](masked[index]!.ptr, masked[index]!.ptr, block.ptr, size);
      value = evaluate(masked, inner);
    }
    for (const block of [...masked, ...arriving.flat().map((transfer) => transfer.block)]) site.scope.free(block);
    return yield* this.#deal(site, draw, helper, value, words, group);
  }
  *#words(
    site: P.Site,
    inputs: readonly Summand[],
    n: number,
    evaluate: (clear: Block[], inner: P.Site) => Block,
  ): Rounds<P.Share> {
    return as<P.Share>(n, 0, n, yield* this.#viaHelper(site, inputs, n, "add", evaluate));
  }
  *#bits(
    site: P.Site,
    inputs: readonly Summand[],
    n: number,
    width: number,
    evaluate: (clear: Block[], inner: P.Site) => Block,
  ): Rounds<P.Bits> {
    const words = width * planeWords(n);
    return as<P.Bits>(n, width, words, yield* this.#viaHelper(site, inputs, words, "xor", evaluate));
  }
  #planes(
    site: P.Site,
    x: P.Share,
    width: number,
    look: (inner: P.Site, clear: P.Share) => Rounds<P.Bits>,
  ): Rounds<P.Bits> {
    return this.#bits(site, [this.#summand(site, open(x), "add")], x.n, width, ([words], inner) => {
      const clear = this.#clear.fromPublic(inner, words!);
      const planes = done(look(inner, clear), (bits) => ({ words: clearBits(bits).planes }));
      this.#clear.free(site.scope, clear);
      return planes;
    });
  }
}

/** The words that a generator of plain returns; it does not yield. */
function done<T>(rounds: Rounds<T>, look: (value: T) => { words: Block }): Block {
  const step = rounds.next();
  if (!step.done) throw new Error("plain does not communicate");
  return look(step.value).words;
}

const deal = (words: number, owner: number) =>
  ALL.map((party) => (party === owner ? words * 8 * (owner === 0 ? 3 : 2) : 0));
const helped = (sent: number, dealt: number, pivot: number) => {
  const dealing = deal(dealt, pivot % 4);
  return { rounds: 2, bytes: ALL.map((party) => (party === pivot % 4 ? dealing[party]! : sent * 8)) };
};
const costs: P.Costs = {
  reshare: (n, pivot) => helped(n, n, pivot),
  truncate: (n, _shift, pivot) => helped(n, n, pivot),
  and: (n, width, pivot) => helped(2 * width * planeWords(n), width * planeWords(n), pivot),
  msb: (n, _width, pivot) => helped(n, planeWords(n), pivot),
  isZero: (n, _width, pivot) => helped(n, planeWords(n), pivot),
  toBits: (n, width, pivot) => helped(n, width * planeWords(n), pivot),
  fromBits: (n, pivot) => helped(planeWords(n), n, pivot),
  select: (n, pivot) => helped(n + planeWords(n), n, pivot),
  input: (n, owner) => ({ rounds: 1, bytes: deal(n, owner) }),
  reveal: (n) => ({ rounds: 1, bytes: ALL.map(() => n * 8) }),
  revealTo: (n, to) => ({ rounds: 1, bytes: ALL.map((party) => (party === (to + 1) % 4 ? n * 8 : 0)) }),
};

const words = (bytes: Uint8Array) => new BigUint64Array(bytes.slice().buffer);
const sharing: P.Sharing = {
  freshSeeds() {
    const seeds = [1, 2, 3].map(() => secureRandom(16));
    return { byParty: ALL.map((party) => seeds.filter((_, index) => index + 1 !== party)) };
  },
  correction(seeds, offset, plainWords) {
    const result = words(plainWords);
    for (const seed of seeds.byParty[0]!) {
      const part = new BigUint64Array(result.length);
      expander(seed)(offset, new Uint8Array(part.buffer));
      for (const [index, word] of part.entries()) result[index]! -= word;
    }
    return new Uint8Array(result.buffer);
  },
  keepsCorrection: [false, true, true, true],
  combine(parts) {
    const [first, ...rest] = parts.map(words);
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
