/** What needs no message: public words, linear maps, uniform words that nobody knows. */
import type { Block } from "../../ring/index.js";
import type { Linear, Product, Share, Site } from "../protocol.js";
import { hold } from "./masks.js";
import { Additive, asProduct, asShare, openProduct, openShare, type Party, place, Summand } from "./share.js";

/** x_0 = the words, the other parts 0. */
export function fromPublic(party: Party, site: Site, words: Block): Share {
  site.nonce();
  const n = words.words;
  const block = place(party, site.scope, n);
  if (block && party.self === 0) party.kernels.copy(block.ptr, words.ptr, n);
  else if (block) party.kernels.fill(block.ptr, 0n, n);
  return asShare(new Additive(n, block, site.scope));
}

/** The map on each part. A value that is only laid out anew is a view, under one mask with the original. */
export function linear(
  party: Party,
  site: Site,
  inputs: readonly Share[],
  n: number,
  map: Linear,
  layout: boolean,
): Share {
  site.nonce();
  const open = inputs.map(openShare);
  const block = place(party, site.scope, n);
  if (block)
    map(
      block,
      open.map((input) => input.words!),
    );
  const [only] = open;
  const view = layout && only!.n === n ? viewOf(only!, map, site) : undefined;
  if (view) hold(view.of, site.scope);
  return asShare(new Additive(n, block, site.scope, view));
}

function viewOf(x: Additive, map: Linear, { scope }: Site): { of: Additive; map: Linear } {
  const { view } = x;
  if (!view) return { of: x, map };
  return {
    of: view.of,
    map(dst, [source]) {
      const between = scope.alloc(x.n);
      view.map(between, [source!]);
      map(dst, [between]);
      scope.free(between);
    },
  };
}

/** A copy: a share is this party's summand. */
export function lift(party: Party, site: Site, x: Share): Product {
  site.nonce();
  const { n, words } = openShare(x);
  const block = place(party, site.scope, n);
  if (block) party.kernels.copy(block.ptr, words!.ptr, n);
  return asProduct(new Summand(n, block));
}

export function linearProduct(party: Party, site: Site, inputs: readonly Product[], n: number, map: Linear): Product {
  site.nonce();
  const block = place(party, site.scope, n);
  if (block)
    map(
      block,
      inputs.map((input) => openProduct(input).words!),
    );
  return asProduct(new Summand(n, block));
}

/** Each part from a key that no other member has. */
export function random(party: Party, site: Site, n: number): Share {
  const { wordBytes } = party.kernels;
  const nonce = site.nonce();
  const block = place(party, site.scope, n);
  if (block) party.own!.stream(nonce).fill(party.ring.bytes(block, 0, n * wordBytes));
  return asShare(new Additive(n, block, site.scope));
}
