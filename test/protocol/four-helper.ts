/**
 * How the test protocol `four` communicates: summands go to a helper, which computes in the clear and deals the result.
 * Without any secrecy, see four.ts.
 */
import { plain } from "../../src/protocol/index.js";
import { planeWords } from "../../src/protocol/plain/share.js";
import type * as P from "../../src/protocol/protocol.js";
import type { Rounds } from "../../src/protocol/rounds.js";
import { Prg } from "../../src/random/index.js";
import type { Block } from "../../src/ring/index.js";

/** A share, product or bits at one party: `parts[self]` is missing; a product has one summand only. */
export class Four {
  constructor(
    readonly n: number,
    readonly width: number,
    readonly words: number,
    readonly parts: readonly (Block | undefined)[],
  ) {}
}
export const open = (value: P.Share | P.Product | P.Bits) => value as unknown as Four;
export const as = <T>(n: number, width: number, words: number, parts: readonly (Block | undefined)[]): T =>
  new Four(n, width, words, parts) as unknown as T;

export const ALL = [0, 1, 2, 3];
const others = (self: number) => ALL.filter((index) => index !== self);
/** The party that multiplies components a and b. */
export const holder = (a: number, b: number) => ALL.find((party) => party !== a && party !== b)!;

type Parts = readonly (Block | undefined)[];
/** A value on its way to the helper: this party's summand. */
export interface Summand {
  readonly group: "add" | "xor";
  readonly mine: Block;
}
type Evaluate = (clear: Block[], inner: P.Site) => Block;

export class Helper {
  readonly clear: P.Protocol;
  readonly #prg = new Prg(new TextEncoder().encode("four-is-a-test!!"));

  constructor(readonly host: P.ProtocolHost) {
    this.clear = plain.create(host);
  }
  get kernels() {
    return this.host.ring.kernels;
  }

  /** A component each, but for one's own. */
  parts(make: (component: number) => Block): Parts {
    return ALL.map((component) => (component === this.host.self ? undefined : make(component)));
  }
  alloc(site: P.Site, words: number, fill: (ptr: number) => void): Block {
    const block = site.scope.alloc(words);
    fill(block.ptr);
    return block;
  }
  copy(site: P.Site, { ptr, words }: Block): Block {
    return this.alloc(site, words, (to) => this.kernels.copy(to, ptr, words));
  }
  /** Draws from the public stream of this site. */
  drawer(site: P.Site): (words: number) => Block {
    const stream = this.#prg.stream(site.nonce());
    return (words) => {
      const block = site.scope.alloc(words);
      stream.fill(this.host.ring.bytes(block));
      return block;
    };
  }

  summand(site: P.Site, value: P.Share | P.Bits, group: "add" | "xor"): Summand {
    const { words, parts } = open(value);
    const mine = this.alloc(site, words, (ptr) => this.kernels.fill(ptr, 0n, words));
    for (const c of ALL)
      if (holder(c, c) === this.host.self) this.kernels[group](mine.ptr, mine.ptr, parts[c]!.ptr, words);
    return { group, mine };
  }

  /** Adds this party's part of a (public) sharing of zero. */
  mask(site: P.Site, draw: (words: number) => Block, { group, mine }: Summand): Block {
    for (const party of [1, 2, 3]) {
      const zero = draw(mine.words);
      if (this.host.self === party) this.kernels[group](mine.ptr, mine.ptr, zero.ptr, mine.words);
      else if (this.host.self === 0)
        this.kernels[group === "add" ? "sub" : "xor"](mine.ptr, mine.ptr, zero.ptr, mine.words);
      site.scope.free(zero);
    }
    return mine;
  }

  /** One round: components 1 to 3 are drawn; `owner`, who has the value, sends component 0 to whoever keeps it. */
  *deal(
    site: P.Site,
    draw: (words: number) => Block,
    owner: number,
    value: Block | undefined,
    words: number,
    group: "add" | "xor",
  ): Rounds<Parts> {
    const first = value ?? site.scope.alloc(words);
    const drawn = [first, draw(words), draw(words), draw(words)];
    const undo = group === "add" ? "sub" : "xor";
    if (value) for (const c of [1, 2, 3]) this.kernels[undo](first.ptr, first.ptr, drawn[c]!.ptr, words);
    const { self } = this.host;
    const transfer = (peer: number) => ({ peer, block: first, bytes: words * 8 });
    yield {
      send: value ? [1, 2, 3].filter((peer) => peer !== owner).map(transfer) : [],
      receive: self !== 0 && self !== owner ? [transfer(owner)] : [],
    };
    site.scope.free(drawn[self]!);
    return this.parts((c) => drawn[c]!);
  }

  /** Two rounds: masked summands to the helper, party pivot mod 4, which adds them up, evaluates and deals the result. */
  *help(
    site: P.Site,
    inputs: readonly Summand[],
    words: number,
    group: "add" | "xor",
    evaluate: Evaluate,
  ): Rounds<Parts> {
    const nonce = site.nonce();
    const inner: P.Site = { scope: site.scope, pivot: 0, nonce: () => nonce };
    const draw = this.drawer(inner);
    const helper = site.pivot % 4;
    const isHelper = this.host.self === helper;
    const masked = inputs.map((input) => this.mask(site, draw, input));
    const transfer = (peer: number, block: Block) => ({ peer, block, bytes: block.words * 8 });
    const arriving = masked.map(({ words: size }) =>
      isHelper ? others(helper).map((peer) => transfer(peer, site.scope.alloc(size))) : [],
    );
    yield { send: isHelper ? [] : masked.map((block) => transfer(helper, block)), receive: arriving.flat() };
    let value: Block | undefined;
    if (isHelper) {
      for (const [index, sum] of masked.entries())
        for (const { block } of arriving[index]!) {
          this.kernels[inputs[index]!.group](sum.ptr, sum.ptr, block.ptr, sum.words);
          site.scope.free(block);
        }
      value = evaluate(masked, inner);
    }
    for (const block of masked) site.scope.free(block);
    return yield* this.deal(site, draw, helper, value, words, group);
  }
  *toShare(site: P.Site, inputs: readonly Summand[], n: number, evaluate: Evaluate): Rounds<P.Share> {
    return as<P.Share>(n, 0, n, yield* this.help(site, inputs, n, "add", evaluate));
  }
  *toBits(site: P.Site, inputs: readonly Summand[], n: number, width: number, evaluate: Evaluate): Rounds<P.Bits> {
    const words = width * planeWords(n);
    return as<P.Bits>(n, width, words, yield* this.help(site, inputs, words, "xor", evaluate));
  }
}
