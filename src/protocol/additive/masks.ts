/**
 * The mask of a value: a, uniform and known to the dealer, with e = x - a in the clear. It belongs to one immutable value, is
 * opened once, and serves every primitive that looks at that value: products, comparisons, selections (Ben-Efraim, Nielsen
 * and Omri 2019, https://eprint.iacr.org/2019/080). Not a store: a mask goes with its value.
 *
 * Masks are never kept: in a new session a stored value is opened under a new one. A mask used for a second value would
 * tell the difference of the two.
 */
import type { Block, Scope } from "../../ring/index.js";
import type { Site } from "../protocol.js";
import type { Deal, Opening } from "./deal.js";
import { type Rounding, type Sight, sightOf } from "./rounding.js";
import type { Additive, Party } from "./share.js";

/** At a party: e, public once `opening` is through, and a_i. At the dealer: a. A view's has no opening of its own. */
export interface Masked {
  /** The session's end that made it: after a session no mask counts. */
  readonly party: Party;
  readonly difference: Block | undefined;
  readonly mask: Block;
  readonly opening: Opening | undefined;
  /** Primitives that are using it; it must outlive them. */
  users: number;
}

/** The mask of x while one primitive uses it. */
export class Use {
  readonly #origin: Additive;
  readonly #masked: Masked;
  constructor(
    private readonly party: Party,
    private readonly x: Additive,
    origin: Additive,
  ) {
    this.#origin = origin;
    this.#masked = origin.masked!;
    this.#masked.users++;
  }
  /** After the round: e at a party. */
  get difference(): Block {
    this.#masked.opening?.finish();
    return this.#own().difference!;
  }
  /** a_i at a party, a at the dealer. */
  get mask(): Block {
    return this.#own().mask;
  }
  release(): void {
    this.#masked.users--;
    settle(this.#origin);
  }

  /** The mask in x's own layout: its own one, or its origin's under the map. */
  #own(): Masked {
    const { x, party } = this;
    if (x.masked) return x.masked;
    const { difference, mask } = this.#masked;
    const under = (block: Block): Block => {
      const image = x.scope.alloc(x.n);
      x.view!.map(image, [block]);
      return image;
    };
    // A party must not look at e before the round; at the dealer there is none.
    x.masked = {
      party,
      difference: party.deals ? undefined : under(difference!),
      mask: under(mask),
      opening: undefined,
      users: 0,
    };
    return x.masked;
  }
}

/** Sees to it that e = x - a is public after the deal's `first` exchange; costs n words to each other party, once a value. */
export function masked(party: Party, deal: Deal, x: Additive): Use {
  forget(party, x);
  if (x.view) forget(party, x.view.of);
  const origin = x.view?.of ?? x;
  if (!origin.masked) {
    const mask = deal.random(origin.n, "add", origin.scope);
    const difference = party.deals ? undefined : origin.scope.alloc(origin.n);
    if (difference) party.kernels.sub(difference.ptr, origin.words!.ptr, mask.ptr, origin.n);
    origin.masked = { party, difference, mask, opening: deal.open(difference ?? mask, origin.n), users: 0 };
  }
  if (!origin.masked.opening!.done) deal.waits();
  return new Use(party, x, origin);
}

/**
 * x as e + a for a reader of its low `width` bits: under its mask if that is open, else as its truncation left it, else under a
 * mask that is opened now.
 */
export function sight(party: Party, site: Site, deal: Deal, x: Additive, width: number): Sight {
  const rounding = roundingOf(party, x, width);
  return rounding ? sightOfRounded(party, site, x, rounding) : masked(party, deal, x);
}

/** x as its truncation left it, which stays until the reader is through. */
export const sightOfRounded = (party: Party, { scope }: Site, x: Additive, rounding: Rounding): Sight =>
  sightOf(party, scope, rounding, () => settle(x));

/** What the truncation of x left open of its low `width` bits, unless x has an open mask, which is better. */
export function roundingOf(party: Party, x: Additive, width = 0): Rounding | undefined {
  forget(party, x);
  return x.masked || (x.rounding && width > party.kernels.wordBits - x.rounding.shift) ? undefined : x.rounding;
}

/** Frees a value, and its mask with it: at once, or when its last view and the last primitive that uses it are through. */
export function freeValue(party: Party, x: Additive): void {
  x.freed = true;
  forget(party, x);
  settle(x);
}

const inUse = ({ masked, rounding }: Additive): boolean =>
  (masked !== undefined && masked.users > 0) || (rounding !== undefined && rounding.users > 0);

/** A view, or a sign, of x in this scope. */
export function hold(x: Additive, scope: Scope): void {
  x.views ??= new Map();
  x.views.set(scope, (x.views.get(scope) ?? 0) + 1);
}
/** It has gone. */
export function letGo(x: Additive, scope: Scope): void {
  const left = (x.views?.get(scope) ?? 0) - 1;
  if (left > 0) x.views!.set(scope, left);
  else x.views?.delete(scope);
  settle(x);
}
/** Of a run that died, the scope is closed, and its views count no more. */
function viewed({ views }: Additive): boolean {
  if (views) for (const scope of views.keys()) if (scope.open) return true;
  return false;
}

function settle(x: Additive): void {
  if (!x.freed || viewed(x) || inUse(x)) return;
  if (x.words) x.scope.free(x.words);
  if (x.masked) drop(x);
  if (x.rounding) x.scope.free(x.rounding.words);
  x.rounding = undefined;
  if (x.view) letGo(x.view.of, x.scope);
}

/** Drops a mask of an earlier session. */
function forget(party: Party, x: Additive): void {
  if (x.masked && x.masked.party !== party) drop(x);
  if (x.rounding && x.rounding.party !== party) {
    x.scope.free(x.rounding.words);
    x.rounding = undefined;
  }
}

function drop(x: Additive): void {
  const { difference, mask } = x.masked!;
  if (difference) x.scope.free(difference);
  x.scope.free(mask);
  x.masked = undefined;
}
