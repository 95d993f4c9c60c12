/** The plain protocol as a constant, and its one party: binds the files of this folder to the interface. */
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
} from "../protocol.js";
import { atOnce } from "../rounds.js";
import { and, join, linearBits, not, planes, xor } from "./bits.js";
import { isZero, msb } from "./compare.js";
import { toBits } from "./convert.js";
import { costs } from "./cost.js";
import { fromBits, select, weigh } from "./inject.js";
import { incoming, input, load, outgoing, reduce, reveal, save, sharing } from "./io.js";
import { fromPublic, lift, linear, linearProduct, random } from "./linear.js";
import { product, reshare, separable } from "./multiply.js";
import { asShare, Clear, ClearBits, open, type Party, publicCoins } from "./share.js";
import { truncate } from "./truncate.js";

/** One party that sees everything: the oracle of tests and the clear twin of a secret run. */
export const plain: ProtocolDefinition = {
  name: "plain",
  parties: 1,
  protects: "Nothing: the one party sees every value.",
  costs,
  sharing,
  create: (host) => new Plain(host),
};

class Plain implements Protocol {
  readonly definition = plain;
  readonly self = 0;
  readonly #party: Party;

  constructor({ ring }: ProtocolHost) {
    this.#party = { ring, kernels: ring.kernels, coins: publicCoins() };
  }

  fromPublic(site: Site, words: Block) {
    return fromPublic(this.#party, site, words);
  }
  linear(site: Site, inputs: readonly Share[], n: number, map: Linear) {
    return linear(site, inputs, n, map);
  }
  product(site: Site, x: Share, y: Share, n: number, map: Bilinear) {
    return atOnce(product(site, x, y, n, map));
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
  input(site: Site, _owner: number, words: Block | undefined, n: number) {
    return input(this.#party, site, words, n);
  }
  reveal(site: Site, x: Share) {
    return reveal(this.#party, site, x);
  }
  revealTo(site: Site, x: Share, _to: number) {
    return reveal(this.#party, site, x);
  }
  outgoing(site: Site, x: Share) {
    return outgoing(this.#party, site, x);
  }
  incoming(site: Site, stored: StoredShare, rowWords: number, rows: Uint32Array) {
    return incoming(this.#party, site, stored, rowWords, rows);
  }
  free(scope: Scope, value: Share | Product | Bits): void {
    const inside: unknown = value;
    if (inside instanceof Clear) scope.free(inside.words);
    else if (inside instanceof ClearBits) scope.free(inside.planes);
  }
  move(value: Share, from: Scope, to: Scope): Share {
    const { n, words } = open(value);
    return asShare(n, from.move(words, to));
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
