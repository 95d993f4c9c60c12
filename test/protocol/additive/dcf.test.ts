// Distributed comparison functions: values at edges, agreement with the oracle bit for bit, keys as bytes, and that a key
// looks like noise whatever alpha and beta are.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BoundError, FrameError, ShapeError } from "../../../src/errors.js";
import {
  type DcfShape,
  decodeKey,
  encodeKey,
  evaluate,
  type Fill,
  generate,
  keyBytes,
} from "../../../src/protocol/additive/dcf.js";
import { fixedKeyAes } from "../../../src/random/block-cipher.js";
import { Prg, secureRandom } from "../../../src/random/index.js";
import { type Block, Ring, type Scope } from "../../../src/ring/index.js";
import { assertBalanced, assertUniform, chiSquare, LIMIT } from "../statistics.js";
import { evaluateOne, generateOne, type Level } from "./dcf-oracle.js";

const BITS = [1, 2, 8, 16, 31, 32, 33, 48, 63];
const mask = (bits: number) => 2n ** BigInt(bits) - 1n;
const fresh: Fill = (target) => target.set(secureRandom(target.length));
const seeded = (byte: number): Fill => {
  const stream = new Prg(new Uint8Array(16).fill(byte)).stream({ run: 0, node: 0, chunk: 0 });
  return (target) => stream.fill(target);
};

/** A ring in which each instance is a bigint and its G words are a list. */
class Bench {
  readonly ring = new Ring();
  readonly scope: Scope = this.ring.scope();

  put(words: readonly bigint[]): Block {
    const block = this.scope.alloc(words.length);
    this.ring.u64(block).set(words);
    return block;
  }
  generate(shape: DcfShape, alpha: readonly bigint[], beta: readonly bigint[], fills: [Fill, Fill] = [fresh, fresh]) {
    return generate(this.ring, this.scope, shape, this.put(alpha), this.put(beta), fills);
  }
  /** Both keys as bytes. */
  bytes(...args: Parameters<Bench["generate"]>): [Uint8Array, Uint8Array] {
    const keys = this.generate(...args);
    return [encodeKey(this.ring, keys[0]), encodeKey(this.ring, keys[1])];
  }
  evaluate(shape: DcfShape, party: 0 | 1, bytes: Uint8Array, x: readonly bigint[]): bigint[] {
    const dst = this.scope.alloc(shape.instances * shape.words);
    evaluate(this.ring, party, decodeKey(this.ring, this.scope, shape, bytes), this.put(x), dst);
    return [...this.ring.u64(dst)];
  }
}

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const randomWords = (n: number): bigint[] => [...new BigUint64Array(secureRandom(8 * n).buffer as ArrayBuffer)];

function checkValues(shape: DcfShape, alpha: bigint[], beta: bigint[], x: bigint[]): void {
  const bench = new Bench();
  const [key0, key1] = bench.bytes(shape, alpha, beta);
  const [y0, y1] = [bench.evaluate(shape, 0, key0, x), bench.evaluate(shape, 1, key1, x)];
  const low = mask(shape.bits);
  const expected = beta.map((word, at) => {
    const i = Math.floor(at / shape.words);
    return (x[i]! & low) < (alpha[i]! & low) ? word : 0n;
  });
  const got = y0.map((word, at) => BigInt.asUintN(64, word + y1[at]!));
  assert.deepEqual(got, expected);
}

describe("dcf: values", () => {
  const edgeWord = fc.oneof(
    fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt(0n, 2n ** 64n - 1n),
  );
  for (const bits of BITS)
    test(`${bits} bits: shares add up to beta below alpha and to 0 from it on`, () => {
      const low = mask(bits);
      const point = fc.oneof(fc.constantFrom(0n, 1n & low, low >> 1n, low - 1n, low), fc.bigInt(0n, low));
      const instance = fc.record({ alpha: point, other: point, near: fc.integer({ min: -1, max: 3 }) });
      const batch = fc.integer({ min: 1, max: 4 }).chain((words) =>
        fc.record({
          instances: fc.array(fc.tuple(instance, fc.array(edgeWord, { minLength: words, maxLength: words })), {
            minLength: 1,
            maxLength: 20,
          }),
          words: fc.constant(words),
          // What lies above the bits must not count.
          high: fc.bigInt(0n, 2n ** 64n - 1n).map((word) => word & ~low),
        }),
      );
      fc.assert(
        fc.property(batch, ({ instances, words, high }) => {
          const alpha = instances.map(([{ alpha }]) => alpha | high);
          const x = instances.map(([{ alpha, other, near }]) =>
            near > 1 ? other : ((alpha + BigInt(near)) & low) | ((high >> 1n) & ~low),
          );
          const shape = { instances: instances.length, bits, words };
          checkValues(
            shape,
            alpha,
            instances.flatMap(([, beta]) => beta),
            x,
          );
        }),
        { numRuns: 40 },
      );
    });

  test("all inputs of 4 bits against all alphas", () => {
    const pairs = times(256, (i) => [BigInt(i >> 4), BigInt(i & 15)] as const);
    for (const words of [1, 2, 3, 4]) {
      const beta = randomWords(256 * words);
      const shape = { instances: 256, bits: 4, words };
      checkValues(
        shape,
        pairs.map(([alpha]) => alpha),
        beta,
        pairs.map(([, x]) => x),
      );
    }
  });

  test("batches of more instances than fit into one call of the cipher", () => {
    for (const [instances, bits, words] of [
      [5000, 32, 2],
      [4097, 49, 3],
      [3000, 63, 4],
      [4500, 9, 1],
    ] as const) {
      const alpha = randomWords(instances);
      const x = randomWords(instances).map((word, i) => (i % 4 === 0 ? word : alpha[i]! + BigInt(i % 4) - 2n));
      checkValues(
        { instances, bits, words },
        alpha,
        randomWords(instances * words),
        x.map((word) => BigInt.asUintN(64, word)),
      );
    }
  });

  test("no instances", () => checkValues({ instances: 0, bits: 5, words: 2 }, [], [], []));
});

describe("dcf: the construction", () => {
  test("keys and shares equal the oracle's, bit for bit", () => {
    for (const bits of [1, 2, 9, 33, 63])
      for (const words of [1, 2, 3, 4]) {
        const n = 3;
        const shape = { instances: n, bits, words };
        const [alpha, beta, x] = [randomWords(n), randomWords(n * words), randomWords(n)];
        const bench = new Bench();
        const keys = bench.bytes(shape, alpha, beta);
        const halves = keys.map((key) => [...new BigUint64Array(key.buffer as ArrayBuffer)]);
        const wide = (at: number, key = 0) => halves[key]![at]! + 2n ** 64n * halves[key]![at + 1]!;
        for (let i = 0; i < n; i++) {
          const roots = [wide(2 * i), wide(2 * i, 1)] as [bigint, bigint];
          const expected = generateOne(roots, alpha[i]!, beta.slice(i * words, (i + 1) * words), bits);
          const got = times(bits, (level): Level => {
            const at = 2 * n + level * n * (2 + words);
            const list = (from: number) => halves[1]!.slice(from + i * words, from + (i + 1) * words);
            if (level === bits - 1) return { seed: undefined, words: [list(at), list(at + n * words)] };
            return { seed: wide(at + 2 * i), words: [list(at + 2 * n)] };
          });
          assert.deepEqual(got, expected, `${bits} bits, ${words} words`);
          for (const party of [0, 1] as const) {
            const share = bench.evaluate(shape, party, keys[party], x).slice(i * words, (i + 1) * words);
            assert.deepEqual(share, evaluateOne(party, roots[party], expected, x[i]!));
          }
        }
      }
  });

  test("the draws decide everything, 16 bytes an instance and party", () => {
    const shape = { instances: 700, bits: 20, words: 3 };
    const [alpha, beta] = [randomWords(700), randomWords(2100)];
    const draws: string[] = [];
    const watched = (party: number): Fill => {
      const fill = seeded(party);
      return (target) => {
        draws.push(`${party} ${target.length}`);
        fill(target);
      };
    };
    const make = (first: number) => new Bench().bytes(shape, alpha, beta, [watched(first), watched(1)]);
    const [one, again, other] = [make(0), make(0), make(2)];
    assert.deepEqual(one, again);
    assert.deepEqual(draws, ["0 11200", "1 11200", "0 11200", "1 11200", "2 11200", "1 11200"]);
    assert.notDeepEqual(one[0], other[0]);
    assert.deepEqual(one[0].subarray(11_200), one[1].subarray(11_200), "the corrections are the same for both");
    assert.notDeepEqual(one[1].subarray(11_200), other[1].subarray(11_200));
  });

  test("another cipher gives other keys and the same values", () => {
    const shape = { instances: 50, bits: 16, words: 2 };
    const [alpha, beta, x] = [randomWords(50), randomWords(100), randomWords(50)];
    const bench = new Bench();
    const aes = fixedKeyAes(new Uint8Array(16));
    const own = new Uint8Array(1 << 16);
    // Into a buffer of its own that it reuses, as a cipher in wasm would.
    const cipher = {
      encrypt(blocks: Uint8Array) {
        own.set(aes.encrypt(blocks));
        return own.subarray(0, blocks.length);
      },
    };
    const keys = generate(
      bench.ring,
      bench.scope,
      shape,
      bench.put(alpha),
      bench.put(beta),
      [seeded(0), seeded(1)],
      cipher,
    );
    const usual = bench.bytes(shape, alpha, beta, [seeded(0), seeded(1)]);
    assert.notDeepEqual(encodeKey(bench.ring, keys[0]), usual[0]);
    const shares = [0, 1].map((party) => {
      const dst = bench.scope.alloc(100);
      evaluate(bench.ring, party as 0 | 1, keys[party]!, bench.put(x), dst, cipher);
      return bench.ring.u64(dst);
    });
    beta.forEach((word, at) => {
      const below = (x[at >> 1]! & 65535n) < (alpha[at >> 1]! & 65535n);
      assert.equal(BigInt.asUintN(64, shares[0]![at]! + shares[1]![at]!), below ? word : 0n);
    });
  });

  test("nothing but the keys stays in memory", () => {
    const bench = new Bench();
    const shape = { instances: 600, bits: 12, words: 2 };
    const [alpha, beta, dst] = [bench.put(randomWords(600)), bench.put(randomWords(1200)), bench.scope.alloc(1200)];
    const live = bench.scope.live;
    const scope = bench.ring.scope();
    const before = bench.ring.usedBytes;
    const keys = generate(bench.ring, scope, shape, alpha, beta, [fresh, fresh]);
    assert.equal(scope.live, 3);
    evaluate(bench.ring, 0, keys[0], alpha, dst);
    scope.close();
    assert.equal(bench.ring.usedBytes, before);
    assert.equal(bench.scope.live, live);
  });
});

describe("dcf: keys as bytes", () => {
  test("have the length of the formula, and no other is read", () => {
    assert.equal(keyBytes(1, 31, 2), 1008);
    assert.equal(keyBytes(32_768, 31, 2), 33_030_144);
    for (const bits of BITS)
      for (const words of [1, 2, 3, 4]) {
        const bench = new Bench();
        const shape = { instances: 3, bits, words };
        const [key] = bench.bytes(shape, randomWords(3), randomWords(3 * words));
        const expected = 3 * (16 + (bits - 1) * (16 + 8 * words) + 16 * words);
        assert.equal(key.length, expected);
        assert.equal(keyBytes(3, bits, words), expected);
        // From an odd address, as in a frame.
        const shifted = new Uint8Array(expected + 1);
        shifted.set(key, 1);
        assert.deepEqual(encodeKey(bench.ring, decodeKey(bench.ring, bench.scope, shape, shifted.subarray(1))), key);
        for (const length of [0, 1, expected - 8, expected - 1, expected + 1, 2 * expected]) {
          const live = bench.scope.live;
          assert.throws(() => decodeKey(bench.ring, bench.scope, shape, new Uint8Array(length)), {
            name: FrameError.name,
            message: new RegExp(`expected ${expected} bytes.*got ${length} bytes`),
          });
          assert.equal(bench.scope.live, live);
        }
      }
  });

  test("wrong sizes are refused by name", () => {
    const bench = new Bench();
    const bad: [number, number, number][] = [
      [-1, 8, 1],
      [0.5, 8, 1],
      [Number.NaN, 8, 1],
      [2 ** 32, 8, 1],
      [1, 0, 1],
      [1, 64, 1],
      [1, 2.5, 1],
      [1, 8, 0],
      [1, 8, 5],
    ];
    for (const [instances, bits, words] of bad) {
      assert.throws(() => keyBytes(instances, bits, words), BoundError);
      assert.throws(() => bench.generate({ instances, bits, words }, [1n], [1n]), BoundError);
    }
    const shape = { instances: 4, bits: 8, words: 2 };
    const [four, eight] = [randomWords(4), randomWords(8)];
    assert.throws(() => bench.generate(shape, eight, eight), ShapeError);
    assert.throws(() => bench.generate(shape, four, four), ShapeError);
    const [key] = bench.generate(shape, four, eight);
    const run = (part: object, x = four, dst = eight) =>
      evaluate(bench.ring, 0, { ...key, ...part }, bench.put(x), bench.put(dst));
    assert.doesNotThrow(() => run({}));
    assert.throws(() => run({}, eight), ShapeError);
    assert.throws(() => run({}, four, four), ShapeError);
    assert.throws(() => run({ roots: key.corrections }), ShapeError);
    assert.throws(() => run({ corrections: key.roots }), ShapeError);
    assert.throws(() => run({ shape: { ...shape, bits: 9 } }), ShapeError);
    assert.throws(() => run({ shape: { ...shape, bits: 64 } }), BoundError);
  });
});

describe("dcf: what a party sees", () => {
  const shape = { instances: 1500, bits: 17, words: 2 };
  const n = shape.instances;
  const levelBytes = n * 32;
  const same = (word: bigint, count: number) => times(count, () => word);
  const cases = [0n, 1n, 2n ** 16n, mask(17)].flatMap((alpha) =>
    [0n, 1n, mask(64)].map((beta) => [alpha, beta] as const),
  );

  test("each part of a key is noise, whatever alpha and beta", () => {
    for (const [alpha, beta] of cases) {
      const [key, peer] = new Bench().bytes(shape, same(alpha, n), same(beta, 2 * n));
      const corrections = key.subarray(16 * n);
      assertUniform(key.subarray(0, 16 * n), "root seeds of 0");
      assertUniform(peer.subarray(0, 16 * n), "root seeds of 1");
      for (let level = 0; level < 16; level++) {
        const seeds = corrections.subarray(level * levelBytes, level * levelBytes + 16 * n);
        const name = `alpha ${alpha}, beta ${beta}, level ${level}`;
        assertUniform(seeds, `${name}, seeds`);
        // The low byte of each seed, which holds the bits for the control bits.
        assertUniform(
          seeds.filter((_, at) => at % 16 === 0),
          `${name}, control bits`,
        );
        assertUniform(corrections.subarray(level * levelBytes + 16 * n, (level + 1) * levelBytes), `${name}, words`);
      }
      assertUniform(corrections.subarray(16 * levelBytes, 16 * levelBytes + 16 * n), "last level, bit 0");
      assertUniform(corrections.subarray(16 * levelBytes + 16 * n), "last level, bit 1");
    }
  });

  test("keys for two alphas have nothing in common", () => {
    const bench = new Bench();
    const [one] = bench.bytes(shape, same(0n, n), same(5n, 2 * n));
    const [two] = bench.bytes(shape, same(mask(17), n), same(5n, 2 * n));
    const half = (key: Uint8Array) => new Uint32Array(key.buffer as ArrayBuffer);
    assertBalanced(half(one), half(two), () => "keys for 0 and for 2^17 - 1");
  });

  test("a party's share is noise on either side of alpha", () => {
    for (const [alpha, beta] of cases.slice(3)) {
      const bench = new Bench();
      const keys = bench.bytes(shape, same(alpha, n), same(beta, 2 * n));
      for (const party of [0, 1] as const)
        for (const x of [0n, alpha - 1n, alpha, mask(17)]) {
          const share = BigUint64Array.from(bench.evaluate(shape, party, keys[party], same(x, n)));
          assertUniform(new Uint8Array(share.buffer), `alpha ${alpha}, share of ${party} at ${x}`);
        }
    }
  });

  test("these tests notice seeds that repeat", () => {
    const constant: Fill = (target) => target.fill(7);
    const [key] = new Bench().bytes(shape, same(3n, n), same(1n, 2 * n), [constant, constant]);
    assert.ok(chiSquare(key.subarray(16 * n, 32 * n)) > LIMIT);
  });
});
