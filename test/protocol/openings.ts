/** Checks of masks that belong to values: opened once, with whatever looks first, and anew in another session. Part of the conformance suite. */
import assert from "node:assert/strict";
import type { Bits, Cost, Product, ProtocolDefinition, Rounds, Share, Site } from "../../src/protocol/index.js";
import { revealPlane, same } from "./agreement.js";
import { opened, someWords, times } from "./cases.js";
import type { Check } from "./conformance.js";
import { costsOf, type End, free, Lab, type Outcome, reveal, share, TestSite } from "./harness.js";
import { assertFresh } from "./statistics.js";

const N = 1000;
const WIDTH = 16;

export function openingChecks(definition: ProtocolDefinition): Check[] {
  if (!costsOf(definition).masks) return [];
  return [
    { name: "a value is opened once a session", run: () => openedOnce(definition) },
    { name: "a value is opened anew in another session", run: () => openedAnew(definition) },
    { name: "a value is opened anew after a move", run: () => openedAfterMove(definition) },
    { name: "a value may be freed while a primitive opens it", run: () => freedInUse(definition) },
  ];
}

/** Primitives in one session, held against their cost with or without an opening. What they return is freed by `close`. */
class Account {
  readonly #made: (readonly (Share | Product | Bits)[])[] = [];
  constructor(readonly lab: Lab) {}

  /** x y, element by element. */
  product(x: readonly Share[], y: readonly Share[], openings: 0 | 1, what: string): Outcome<Product> {
    const outcome = this.lab.call((end, site) =>
      end.protocol.product(site, x[end.self]!, y[end.self]!, N, times(end.ring, N)),
    );
    return this.#held(outcome, costsOf(this.lab.definition).product(N, 0), openings, what);
  }
  sign(x: readonly Share[], cost: Cost, openings: 0 | 1, what: string): Outcome<Bits> {
    const outcome = this.lab.call((end, site) => end.protocol.msb(site, x[end.self]!, WIDTH));
    return this.#held(outcome, cost, openings, what);
  }
  #held<T extends Product | Bits>(outcome: Outcome<T>, own: Cost, openings: 0 | 1, what: string): Outcome<T> {
    const { rounds, bytes } = openings ? opened(costsOf(this.lab.definition), N, own) : own;
    assert.equal(outcome.rounds, rounds, `rounds of ${what}`);
    assert.deepEqual(outcome.sent, bytes, `bytes of ${what}`);
    this.#made.push(outcome.values);
    return outcome;
  }

  truncated(x: readonly Share[], shift: number): Share[] {
    const lifted = this.lab.call((end, site) => end.protocol.lift(site, x[end.self]!)).values;
    this.#made.push(lifted);
    return this.lab.call((end, site) => end.protocol.truncate(site, lifted[end.self]!, shift)).values;
  }
  words(product: Outcome<Product>): BigUint64Array {
    const result = this.lab.call((end, site) => end.protocol.reshare(site, product.values[end.self]!)).values;
    this.#made.push(result);
    return reveal(this.lab, result);
  }
  free(): void {
    free(this.lab, ...this.#made);
  }
}

const squares = (words: BigUint64Array) => words.map((word) => word * word);
const rotated = (words: BigUint64Array) => words.map((_, i) => words[(i + 1) % N]!);

/** The same elements in another order, which protocols may take for another view of the value. */
function rotate(lab: Lab, x: readonly Share[]): Share[] {
  return lab.call(({ protocol, ring: { kernels }, self }, site) =>
    protocol.linear(
      site,
      [x[self]!],
      N,
      (dst, [source]) => {
        kernels.copy(dst.ptr, source!.ptr + kernels.wordBytes, N - 1);
        kernels.copy(dst.ptr + (N - 1) * kernels.wordBytes, source!.ptr, 1);
      },
      true,
    ),
  ).values;
}

function emptied(...labs: readonly Lab[]): void {
  for (const lab of labs)
    for (const { scope, self } of lab.ends) assert.equal(scope.live, 0, `blocks left at party ${self}`);
  for (const lab of labs) lab.close();
}

function openedOnce(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const account = new Account(lab);
  const costs = costsOf(definition);
  const words = someWords(N, 15);
  const x = share(lab, words);
  same(account.words(account.product(x, x, 1, "a square")), squares(words), "a square");
  same(account.words(account.product(x, x, 0, "a second square")), squares(words), "a second square");
  account.sign(x, costs.msb(N, WIDTH, 0), 0, "the sign of a value with an open mask");
  const turned = rotate(lab, x);
  const product = account.product(x, turned, 0, "a value times itself laid out anew");
  const expected = rotated(words).map((word, i) => word * words[i]!);
  same(account.words(product), expected, "a value times itself laid out anew");

  const again = rotate(lab, turned);
  const farther = account.product(x, again, 0, "a value times itself laid out twice");
  same(
    account.words(farther),
    rotated(rotated(words)).map((word, i) => word * words[i]!),
    "a value times itself laid out twice",
  );

  const y = share(lab, words, "y");
  const view = rotate(lab, y);
  account.product(view, view, 1, "the square of a view");
  account.product(y, y, 0, "the square of its original");

  const rounded = account.truncated(x, 8);
  const sign = costs.masks!.msbRounded?.(N, WIDTH) ?? costs.msb(N, WIDTH, 0);
  account.sign(rounded, sign, 0, "the sign of a truncation");
  account.product(rounded, rounded, 1, "the square of a truncation");
  account.sign(rounded, costs.msb(N, WIDTH, 0), 0, "the sign of a truncation with an open mask");
  account.free();
  free(lab, x, turned, again, y, view, rounded);
  emptied(lab);
}

/** In a session with other keys; what was looking at a value when the first one ended does not keep it. */
function openedAnew(definition: ProtocolDefinition): void {
  const [first, second] = [new Lab(definition), new Lab(definition, { run: 2, keyText: () => "second" })];
  const [before, after] = [new Account(first), new Account(second)];
  const words = someWords(N, 15);
  const x = share(first, words);
  const rounded = before.truncated(x, 1);
  const y = share(first, words, "y");
  before.product(y, y, 1, "a square");
  const one = before.product(x, x, 1, "a square");
  const z = share(first, words, "z");
  for (const { protocol, ring, self } of first.ends) {
    const scope = ring.scope();
    const site = new TestSite(scope, 0, 1, 1000);
    protocol.product(site, z[self]!, z[self]!, N, times(ring, N)).next();
    scope.close();
  }

  const two = after.product(x, x, 1, "a square in the next session");
  same(after.words(two), squares(words), "a square in the next session");
  for (const [party, messages] of one.received.entries())
    for (const [index, { from, bytes }] of messages.entries())
      if (from !== definition.dealer)
        assertFresh(bytes, two.received[party]![index]!.bytes, `opening by party ${from} in two sessions`);
  const sign = after.sign(rounded, costsOf(definition).msb(N, WIDTH, 0), 1, "a truncation's sign in the next session");
  same(
    revealPlane(second, sign.values),
    words.map((word) => word >> 63n),
    "the sign of a truncation in the next session",
  );

  const turned = rotate(second, y);
  const three = after.product(turned, y, 1, "a square of a view in the next session");
  same(
    after.words(three),
    rotated(words).map((word, i) => word * words[i]!),
    "a view in the next session",
  );
  free(second, turned);
  before.free();
  after.free();
  second.ends.forEach(({ protocol, self }) => {
    for (const value of [x, y, z, rounded]) protocol.free(first.ends[self]!.scope, value[self]!);
  });
  emptied(first, second);
}

/** The mask stays behind with the memory that the value leaves. */
function openedAfterMove(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const account = new Account(lab);
  const words = someWords(N, 15);
  const x = share(lab, words);
  account.product(x, x, 1, "a square");
  const stores = lab.ends.map(({ ring }) => ring.scope());
  const moved = lab.ends.map(({ protocol, scope, self }) => protocol.move(x[self]!, scope, stores[self]!));
  same(account.words(account.product(moved, moved, 1, "the square of a moved value")), squares(words), "after a move");
  lab.close();
  for (const [self, store] of stores.entries()) {
    lab.ends[self]!.protocol.free(store, moved[self]!);
    assert.equal(store.live, 0, `blocks left at party ${self}`);
    store.close();
  }
}

/** Everybody frees the inputs when the first round of a primitive has begun. */
function freedInUse(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const account = new Account(lab);
  const words = someWords(N, 15);
  const even = words.map((word) => 2n * word);
  const sole = <T>(x: readonly Share[], start: (end: End, site: Site) => Rounds<T>): T[] => {
    const call = (end: End, site: Site) => freeing(start(end, site), () => end.protocol.free(end.scope, x[end.self]!));
    return lab.call(call).values;
  };
  const value = () => share(lab, words);
  const truncation = () => {
    const x = share(lab, even, "even");
    const result = account.truncated(x, 1);
    free(lab, x);
    return result;
  };
  for (const make of [value, truncation]) {
    const [x, y, z] = [make(), make(), make()];
    const square = sole(x, ({ protocol, ring, self }, site) =>
      protocol.product(site, x[self]!, x[self]!, N, times(ring, N)),
    );
    const result = lab.call((end, site) => end.protocol.reshare(site, square[end.self]!)).values;
    same(reveal(lab, result), squares(words), "a square of what is freed");
    const signs = sole(y, ({ protocol, self }, site) => protocol.msb(site, y[self]!, WIDTH));
    const negative = words.map((word) => word >> 63n);
    same(revealPlane(lab, signs), negative, "the sign of what is freed");
    const chosen = sole(z, ({ protocol, self }, site) => protocol.select(site, signs[self]!, z[self]!));
    same(
      reveal(lab, chosen),
      words.map((word, i) => negative[i]! * word),
      "a selection of what is freed",
    );
    free(lab, square, result, signs, chosen);
  }
  account.free();
  emptied(lab);
}

function* freeing<T>(rounds: Rounds<T>, free: () => void): Rounds<T> {
  const first = rounds.next();
  free();
  if (first.done) return first.value;
  yield first.value;
  return yield* rounds;
}
