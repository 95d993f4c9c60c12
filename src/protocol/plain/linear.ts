/** Linear maps on words in the clear. */
import type { Block } from "../../ring/index.js";
import type { Linear, Product, Share, Site } from "../protocol.js";
import { asProduct, asShare, copyOf, open, type Party } from "./share.js";

export function fromPublic(party: Party, site: Site, words: Block): Share {
  site.nonce();
  return asShare(words.words, copyOf(party, site, words, words.words));
}

export function linear(site: Site, inputs: readonly Share[], n: number, map: Linear): Share {
  site.nonce();
  const words = site.scope.alloc(n);
  map(
    words,
    inputs.map((input) => open(input).words),
  );
  return asShare(n, words);
}

export function lift(party: Party, site: Site, x: Share): Product {
  site.nonce();
  const { n, words } = open(x);
  return asProduct(n, copyOf(party, site, words, n));
}

export function linearProduct(site: Site, inputs: readonly Product[], n: number, map: Linear): Product {
  site.nonce();
  const words = site.scope.alloc(n);
  map(
    words,
    inputs.map((input) => open(input).words),
  );
  return asProduct(n, words);
}

/** From public coins: reproducible. */
export function random(party: Party, site: Site, n: number): Share {
  const stream = party.coins.stream(site.nonce());
  const words = site.scope.alloc(n);
  stream.fill(party.ring.bytes(words));
  return asShare(n, words);
}
