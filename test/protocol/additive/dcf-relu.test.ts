// What comparison functions are for: a sign, ReLU, and ReLU of a truncated product, from one opening each, written with
// bigints as two parties and a dealer would compute them. Not the protocol's own code.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate, generate } from "../../../src/protocol/additive/dcf.js";
import { secureRandom } from "../../../src/random/index.js";
import { Ring } from "../../../src/ring/index.js";

type Shared = readonly [bigint, bigint];
const word = (value: bigint) => BigInt.asUintN(64, value);
const bit = (value: bigint, at: number) => (value >> BigInt(at)) & 1n;
const random = () => secureRandom(8).reduce((value, byte) => value * 256n + BigInt(byte), 0n);
const deal = (value: bigint): Shared => {
  const part = random();
  return [part, word(value - part)];
};
const open = ([a, b]: Shared) => BigInt.asIntN(64, a + b);

/** Shares of beta * 1[x < alpha], through keys. */
function compare(bits: number, alpha: bigint, beta: bigint[], x: bigint): Shared[] {
  const ring = new Ring();
  const scope = ring.scope();
  const put = (words: bigint[]) => {
    const block = scope.alloc(words.length);
    ring.u64(block).set(words.map(word));
    return block;
  };
  const fill = (target: Uint8Array) => target.set(secureRandom(target.length));
  const shape = { instances: 1, bits, words: beta.length };
  const keys = generate(ring, scope, shape, put([alpha]), put(beta), [fill, fill]);
  const shares = keys.map((key, party) => {
    const dst = scope.alloc(beta.length);
    evaluate(ring, party as 0 | 1, key, put([x]), dst);
    return [...ring.u64(dst)];
  });
  return beta.map((_, g) => [shares[0]![g]!, shares[1]![g]!] as const);
}

/** A share of what a party computes from its own parts; `first` is 1 at party 0 and 0 at party 1. */
const both = (compute: (party: 0 | 1, first: bigint) => bigint): Shared => [word(compute(0, 1n)), word(compute(1, 0n))];

/**
 * Shares of d = 1[v >= 0] and of d times words that the dealer knows, for |v| < 2^(w-1) and v = e + a modulo 2^w, where e is
 * public and the dealer knows a. The carry into bit k = w-1 is 1[~e < a] on the k bits below, and the sign is its XOR with
 * the bits k of e and a.
 */
function positiveTimes(w: number, e: bigint, a: bigint, known: bigint[]): { d: Shared; products: Shared[] } {
  const k = w - 1;
  const top = bit(a, k);
  const factors = [1n, ...known];
  const dealt = factors.map((factor) => [deal(factor), deal(top * factor)] as const);
  const carry = compare(
    k,
    a,
    factors.map((factor) => (1n - 2n * top) * factor),
    ~e,
  );
  const not = 1n - bit(e, k);
  const results = factors.map((_, g) => {
    const [plain, masked] = dealt[g]!;
    return both((i, first) => {
      const constant = g === 0 ? first : plain[i];
      return not * constant + (1n - 2n * not) * (masked[i] + carry[g]![i]);
    });
  });
  return { d: results[0]!, products: results.slice(1) };
}

const value = (w: number) => {
  const most = 2n ** BigInt(w - 1) - 1n;
  return fc.oneof(fc.constantFrom(0n, 1n, -1n, most, -most), fc.bigInt(-most, most));
};
const widths = fc.constantFrom(2, 16, 32, 49, 63, 64);

test("ReLU and its derivative from e = x - a", () => {
  fc.assert(
    fc.property(
      widths.chain((w) => fc.tuple(fc.constant(w), value(w))),
      ([w, x]) => {
        const a = random();
        const e = word(x - a);
        const { d, products } = positiveTimes(w, e, a, [a]);
        assert.equal(open(d), x >= 0n ? 1n : 0n);
        assert.equal((d[0] ^ d[1]) & 1n, open(d), "the low bits of the shares share d as a bit");
        const relu = both((i) => e * d[i] + products[0]![i]);
        assert.equal(open(relu), x >= 0n ? x : 0n);
      },
    ),
    { numRuns: 60 },
  );
});

test("truncation and ReLU from c = z + 2^62 + r", () => {
  const cases = fc.constantFrom([49, 16], [62, 20], [63, 1], [40, 26], [30, 13]).chain(([w, f]) =>
    // What the result has: w bits of the product less f.
    fc.tuple(fc.constant(w! - f! + 1), fc.constant(f!), value(w!)),
  );
  fc.assert(
    fc.property(cases, ([w, f, z]) => {
      const shift = BigInt(f);
      const r = random();
      const c = word(z + 2n ** 62n + r);
      const seen = (c >> shift) - 2n ** (62n - shift);
      const high = r >> shift;
      // y = seen - high + (1 - sign of c) * wrap: the last term is 0 modulo 2^w.
      const wrap = bit(r, 63) << (64n - shift);
      const noSign = 1n - bit(c, 63);
      const y = BigInt.asIntN(64, seen - high + noSign * wrap);
      const floor = z >> shift;
      assert.ok(y === floor || y === floor + 1n);
      const { d, products } = positiveTimes(w, seen, -high, [high, wrap]);
      assert.equal(open(d), y >= 0n ? 1n : 0n);
      const relu = both((i) => seen * d[i] - products[0]![i] + noSign * products[1]![i]);
      assert.equal(open(relu), y >= 0n ? y : 0n);
    }),
    { numRuns: 60 },
  );
});
