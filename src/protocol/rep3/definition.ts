/** The rep3 protocol as a constant, and one party's end of it: binds the files of this folder to the interface. */
import { Prg } from "../../random/index.js";
import type { Block, Scope } from "../../ring/index.js";
import type {
  Bilinear,
  Bits,
  Linear,
  Product,
  Protocol,
  ProtocolDefinition,
  ProtocolHost,
  Separable,
  Share,
  Site,
  StoredShare,
  TruncationStages,
} from "../protocol.js";
import { atOnce } from "../rounds.js";
import { and, join, linearBits, not, planes, xor } from "./bits.js";
import { isZero, msb } from "./compare.js";
import { toBits } from "./convert.js";
import { costs } from "./cost.js";
import { fromBits, select } from "./inject.js";
import { incoming, input, load, outgoing, reduce, reveal, revealTo, save, sharing } from "./io.js";
import { fromPublic, lift, linear, linearProduct, publicHalves, random } from "./linear.js";
import { product, reshare } from "./multiply.js";
import { separable, weigh } from "./separable.js";
import { asShare, Halves, openShare, type Party, Planes, Replicated, Summand } from "./share.js";
import { beginTruncation, endTruncation, truncate } from "./truncate.js";

/** Three parties, replicated sharing over Z_2^64, semi-honest. */
export const rep3: ProtocolDefinition = {
  name: "rep3",
  parties: 3,
  protects:
    "Any one of the three parties learns nothing, as long as it follows the protocol; any two learn everything.",
  costs,
  sharing,
  create: (host) => new Rep3(host),
};

/** For tests: makes the two generators of a party, so that a mutation can spoil one. */
export type MakePrg = (key: Uint8Array, peer: number) => Prg;

/** One party's end. `makePrg` is for tests only. */
export class Rep3 implements Protocol {
  readonly definition = rep3;
  readonly self: number;
  readonly #party: Party;

  constructor(host: ProtocolHost, makePrg: MakePrg = (key) => new Prg(key)) {
    const { ring, self } = host;
    const [next, previous] = [(self + 1) % 3, (self + 2) % 3];
    this.self = self;
    this.#party = {
      self,
      next,
      previous,
      ring,
      kernels: ring.kernels,
      lower: makePrg(host.pairKey(previous, "rep3"), previous),
      upper: makePrg(host.pairKey(next, "rep3"), next),
    };
  }

  fromPublic(site: Site, words: Block) {
    return fromPublic(this.#party, site, words);
  }
  linear(site: Site, inputs: readonly Share[], n: number, map: Linear) {
    return linear(site, inputs, n, map);
  }
  product(site: Site, x: Share, y: Share, n: number, map: Bilinear) {
    return atOnce(product(this.#party, site, x, y, n, map));
  }
  lift(site: Site, x: Share) {
    return lift(this.#party, site, x);
  }
  linearProduct(site: Site, inputs: readonly Product[], n: number, map: Linear) {
    return linearProduct(site, inputs, n, map);
  }
  random(site: Site, n: number) {
    return random(this.#party, site, n);
  }
  separable(site: Site, x: Share, f: Separable) {
    return separable(this.#party, site, x, f);
  }
  reshare(site: Site, x: Product) {
    return reshare(this.#party, site, x);
  }
  truncate(site: Site, x: Product, shift: number) {
    return truncate(this.#party, site, x, shift);
  }
  readonly stages: TruncationStages = {
    begin: (site, x, shift) => beginTruncation(this.#party, site, x, shift),
    fromPublic: (site, words, like) => publicHalves(this.#party, site, words, like),
    end: endTruncation,
  };
  xor(site: Site, x: Bits, y: Bits) {
    return xor(this.#party, site, x, y);
  }
  not(site: Site, x: Bits) {
    return not(this.#party, site, x);
  }
  linearBits(site: Site, inputs: readonly Bits[], n: number, width: number, map: Linear) {
    return linearBits(this.#party, site, inputs, n, width, map);
  }
  planes(site: Site, x: Bits, from: number, count: number) {
    return planes(this.#party, site, x, from, count);
  }
  join(site: Site, parts: readonly Bits[]) {
    return join(this.#party, site, parts);
  }
  and(site: Site, x: Bits, y: Bits) {
    return and(this.#party, site, x, y);
  }
  msb(site: Site, x: Share, width: number) {
    return msb(this.#party, site, x, width);
  }
  isZero(site: Site, x: Share, width: number) {
    return isZero(this.#party, site, x, width);
  }
  toBits(site: Site, x: Share, width: number) {
    return toBits(this.#party, site, x, width);
  }
  fromBits(site: Site, bits: Bits) {
    return fromBits(this.#party, site, bits);
  }
  weigh(site: Site, bits: Bits, weights: readonly (readonly bigint[])[]) {
    return weigh(this.#party, site, bits, weights);
  }
  select(site: Site, bits: Bits, x: Share) {
    return select(this.#party, site, bits, x);
  }
  input(site: Site, owner: number, words: Block | undefined, n: number) {
    return input(this.#party, site, owner, words, n);
  }
  reveal(site: Site, x: Share) {
    return reveal(this.#party, site, x);
  }
  revealTo(site: Site, x: Share, to: number) {
    return revealTo(this.#party, site, x, to);
  }
  outgoing(site: Site, x: Share) {
    return outgoing(this.#party, site, x);
  }
  incoming(site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array) {
    return incoming(this.#party, site, stored, rowWords, rows);
  }
  free(scope: Scope, value: Share | Product | Bits): void {
    const inside: unknown = value;
    if (inside instanceof Summand || inside instanceof Halves) scope.free(inside.words);
    else if (inside instanceof Replicated || inside instanceof Planes) {
      scope.free(inside.a);
      scope.free(inside.b);
    }
  }
  move(value: Share, from: Scope, to: Scope): Share {
    const { n, a, b } = openShare(value);
    return asShare(new Replicated(n, from.move(a, to), from.move(b, to)));
  }
  save(x: Share) {
    return save(this.#party, x);
  }
  load(scope: Scope, saved: Uint8Array) {
    return load(this.#party, scope, saved);
  }
  reduced(scope: Scope, wide: Share) {
    return reduce(this.#party, scope, wide);
  }
}
