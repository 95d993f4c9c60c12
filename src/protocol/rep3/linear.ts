/** What rep3 does without a message: public words, linear maps, uniform words. Nothing here draws masks but `random`. */
import type { Block } from "../../ring/index.js";
import type { Linear, Product, Share, Site } from "../protocol.js";
import {
  asProduct,
  asShare,
  draw,
  openProduct,
  openShare,
  openStreams,
  type Party,
  Replicated,
  Summand,
} from "./share.js";

/** x_0 = the words, x_1 = x_2 = 0. */
export function fromPublic(party: Party, site: Site, words: Block): Share {
  site.nonce();
  const n = words.words;
  const place = (component: number): Block => {
    const block = site.scope.alloc(n);
    if (component % 3 === 0) party.kernels.copy(block.ptr, words.ptr, n);
    else party.kernels.fill(block.ptr, 0n, n);
    return block;
  };
  return asShare(new Replicated(n, place(party.self), place(party.self + 1)));
}

/** The map on each component. */
export function linear(site: Site, inputs: readonly Share[], n: number, map: Linear): Share {
  site.nonce();
  const open = inputs.map(openShare);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  map(
    a,
    open.map((input) => input.a),
  );
  map(
    b,
    open.map((input) => input.b),
  );
  return asShare(new Replicated(n, a, b));
}

/** x_i as this party's summand. */
export function lift(party: Party, site: Site, x: Share): Product {
  site.nonce();
  const { n, a } = openShare(x);
  const words = site.scope.alloc(n);
  party.kernels.copy(words.ptr, a.ptr, n);
  return asProduct(new Summand(n, words));
}

export function linearProduct(site: Site, inputs: readonly Product[], n: number, map: Linear): Product {
  site.nonce();
  const words = site.scope.alloc(n);
  map(
    words,
    inputs.map((input) => openProduct(input).words),
  );
  return asProduct(new Summand(n, words));
}

/** x_i = F(k_i). */
export function random(party: Party, site: Site, n: number): Share {
  const { lower, upper } = openStreams(party, site);
  const [a, b] = [site.scope.alloc(n), site.scope.alloc(n)];
  draw(party, lower, a, n);
  draw(party, upper, b, n);
  return asShare(new Replicated(n, a, b));
}
