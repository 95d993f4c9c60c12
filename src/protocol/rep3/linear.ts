/** What rep3 does without a message: public words, linear maps, uniform words. Nothing here draws masks but `random`. */
import { SecretgradError } from "../../errors.js";
import type { Block } from "../../ring/index.js";
import type { Linear, Product, Share, Site } from "../protocol.js";
import {
  asProduct,
  asShare,
  draw,
  Halves,
  isHalves,
  ONE_PIECE,
  openHalves,
  openProduct,
  openShare,
  openStreams,
  type Party,
  pieces,
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
  if (inputs.some(isHalves)) return linearHalves(site, inputs.map(openHalves), n, map);
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

/** On what each party knows of its half: who knows which must not change from element to element. */
function linearHalves(site: Site, inputs: readonly Halves[], n: number, map: Linear): Share {
  const { pivot } = inputs[0]!;
  const words = site.scope.alloc(n);
  if (
    inputs.some((input) => input.pivot % 3 !== pivot % 3) ||
    Math.max(n, ...inputs.map((input) => input.n)) > ONE_PIECE
  )
    throw new SecretgradError(`linear: expected halves in one piece and of one truncation, got others`);
  map(
    words,
    inputs.map((input) => input.words),
  );
  return asShare(new Halves(n, Math.min(...inputs.map(({ bits }) => bits)), pivot, words));
}

/** u = the words, v = 0, in halves as those of `like`. */
export function publicHalves(party: Party, site: Site, source: Block, like: Share): Share {
  site.nonce();
  const { bits, pivot } = openHalves(like);
  const n = source.words;
  const words = site.scope.alloc(n);
  for (const { from, n: count, pivot: last } of pieces(n, pivot)) {
    const at = from * party.kernels.wordBytes;
    if (last === party.self) party.kernels.fill(words.ptr + at, 0n, count);
    else party.kernels.copy(words.ptr + at, source.ptr + at, count);
  }
  return asShare(new Halves(n, bits, pivot, words));
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
