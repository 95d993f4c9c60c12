/** Additive sharing as constants, one a number of parties, and one member's end of it: binds the files of this folder. */
import { InputError } from "../../errors.js";
import { Prg, secureRandom } from "../../random/index.js";
import type { Block, Scope } from "../../ring/index.js";
import type {
  Bilinear,
  Bits,
  Comparison,
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
import { and, join, linearBits, not, planes, xor } from "./bits.js";
import { isZero, msb } from "./compare.js";
import { toBits } from "./convert.js";
import { costs } from "./cost.js";
import { fromBits, select } from "./inject.js";
import { incoming, input, load, outgoing, reduce, reveal, revealTo, save, sharing } from "./io.js";
import { fromPublic, lift, linear, linearProduct, random } from "./linear.js";
import { freeValue, letGo } from "./masks.js";
import { product, reshare } from "./multiply.js";
import { separable, weigh } from "./separable.js";
import { Additive, asShare, openShare, type Party, Planes, Summand } from "./share.js";
import { truncate } from "./truncate.js";

/**
 * `count` compute parties and, behind them, the dealer; semi-honest. Comparisons by an adder: few bytes; or, between two
 * parties, by keys of the dealer ("fss"): no round, and about 1 kB of the dealer to each party for each element.
 */
export function additive(count: number, comparison: Comparison = "adder"): ProtocolDefinition {
  const keys = comparison === "fss";
  if (keys && count !== 2) throw new InputError(`additive: expected two parties for fss, got ${count}; try the adder`);
  const definition: ProtocolDefinition = {
    name: `additive-${count}${keys ? "-fss" : ""}`,
    parties: count + 1,
    dealer: count,
    protects: `${colluders(count)}, nor does the dealer, as long as all follow the protocol; the dealer with any one party learns everything.`,
    costs: costs(count, keys),
    ...(count === 2 ? { comparisons: { adder: costs(2), fss: costs(2, true) } } : {}),
    sharing: sharing(count),
    create: (host) => new AdditiveEnd(definition, host, keys),
  };
  return definition;
}

/** Who learns nothing. */
export const colluders = (count: number): string =>
  count === 2
    ? "Neither of the two parties alone learns anything"
    : `All but one of the ${count} parties together learn nothing`;

class AdditiveEnd implements Protocol {
  readonly self: number;
  readonly #party: Party;

  constructor(
    readonly definition: ProtocolDefinition,
    host: ProtocolHost,
    keys: boolean,
  ) {
    const { ring, self } = host;
    const count = definition.parties - 1;
    const deals = self === count;
    const everyone = Array.from({ length: count }, (_, party) => party);
    this.self = self;
    this.#party = {
      self,
      count,
      deals,
      keys,
      ring,
      kernels: ring.kernels,
      dealt: (deals ? everyone : [count]).map((peer) => new Prg(host.pairKey(peer, "additive/dealt"))),
      pairs: deals
        ? []
        : everyone.map((peer) => (peer === self ? undefined : new Prg(host.pairKey(peer, "additive/pair")))),
      own: deals ? undefined : new Prg(secureRandom(16)),
    };
  }

  fromPublic(site: Site, words: Block) {
    return fromPublic(this.#party, site, words);
  }
  linear(site: Site, inputs: readonly Share[], n: number, map: Linear, layout = false) {
    return linear(this.#party, site, inputs, n, map, layout);
  }
  product(site: Site, x: Share, y: Share, n: number, map: Bilinear) {
    return product(this.#party, site, x, y, n, map);
  }
  lift(site: Site, x: Share) {
    return lift(this.#party, site, x);
  }
  linearProduct(site: Site, inputs: readonly Product[], n: number, map: Linear) {
    return linearProduct(this.#party, site, inputs, n, map);
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
    if (inside instanceof Additive) freeValue(this.#party, inside);
    else if (inside instanceof Summand || inside instanceof Planes) {
      const sign = inside instanceof Planes ? inside.sign : undefined;
      for (const block of [inside.words, sign?.number, sign?.times]) if (block) scope.free(block);
      if (sign) letGo(sign.of, scope);
    }
  }
  /** Without its mask: what still looks at the old one in this run goes on with that; the moved value is opened anew. */
  move(value: Share, from: Scope, to: Scope): Share {
    const { n, words } = openShare(value);
    return asShare(new Additive(n, words && from.move(words, to), to));
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
