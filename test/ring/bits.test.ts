/** Bit planes and arithmetic on them: wasm against the twin, and the twin against words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sizes } from "./twins.js";

const length = fc.oneof(fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193), fc.nat(300));
const seed = fc.nat();

/** Words that fit into `bits` bits stay, others lose their upper bits. */
const low = (words: BigUint64Array, bits: number) => [...words].map((word) => BigInt.asUintN(bits, word));

for (const { wordBytes, wordBits, of, compareTwins } of sizes) {
  test(`slice and unslice, ${of}`, () => {
    fc.assert(
      fc.property(length, fc.integer({ min: 1, max: wordBits }), seed, (n, w, s) => {
        const perPlane = Math.ceil(n / 64);
        const operands = [{ words: n }, { words: perPlane * w, planes: true as const }, { words: n }];
        const [source, planes, back] = compareTwins(s, operands, (k, a, p, b) => {
          k.slice(p!, a!, n, w);
          k.unslice(b!, p!, n, w);
        });
        assert.deepEqual([...back!], low(source!, w));
        for (let p = 1; p <= w && n % 64 > 0; p++) assert.equal(planes![p * perPlane - 1]! >> BigInt(n % 64), 0n);
      }),
      { numRuns: 200 },
    );
  });

  test(`funnel shifts the field above a word into it, also in place, ${of}`, () => {
    fc.assert(
      fc.property(length, fc.integer({ min: 1, max: wordBits - 1 }), seed, fc.boolean(), (n, shift, s, inPlace) => {
        const operands = [
          { words: n },
          { words: n },
          { words: Math.ceil(n / 64) * shift, planes: true as const },
          { words: n },
        ];
        const [field, source, , result] = compareTwins(s, operands, (k, f, a, p, d) => {
          k.slice(p!, f!, n, shift);
          k.copy(d!, a!, n);
          k.funnel(d!, inPlace ? d! : a!, p!, n, shift);
        });
        const wanted = [...source!].map((word, i) =>
          BigInt.asUintN(wordBits, ((field![i]! << BigInt(wordBits)) | word) >> BigInt(shift)),
        );
        assert.deepEqual([...result!], wanted);
      }),
      { numRuns: 200 },
    );
  });

  test(`nonNegative is the plane of words without a sign, ${of}`, () => {
    fc.assert(
      fc.property(length, seed, (n, s) => {
        const operands = [{ words: n }, { words: Math.ceil(n / 64), planes: true as const }, { words: n }];
        const [source, , bits] = compareTwins(s, operands, (k, a, p, b) => {
          k.nonNegative(p!, a!, n);
          k.unslice(b!, p!, n, 1);
        });
        assert.deepEqual(
          [...bits!],
          [...source!].map((word) => (BigInt.asIntN(wordBits, word) >= 0n ? 1n : 0n)),
        );
      }),
    );
  });

  test(`addFields adds modulo 2^width, with a mask and a carry or without, also in place, ${of}`, () => {
    fc.assert(
      fc.property(
        length,
        fc.integer({ min: 1, max: wordBits }),
        seed,
        fc.boolean(),
        fc.boolean(),
        fc.nat(2),
        (n, w, s, masked, carried, alias) => {
          const perPlane = Math.ceil(n / 64);
          const planes = { words: perPlane * w, planes: true as const };
          const plane = { words: perPlane, planes: true as const };
          const words = { words: n };
          const operands = [words, words, words, words, planes, planes, planes, plane, plane, words];
          const [x, y, m, c, , , , , , sum] = compareTwins(s, operands, (k, ...p) => {
            const [xw, yw, mw, cw, xp, yp, dp, mp, cp, out] = p as [
              number,
              number,
              number,
              number,
              number,
              number,
              number,
              number,
              number,
              number,
            ];
            k.slice(xp, xw, n, w);
            k.slice(yp, yw, n, w);
            k.slice(mp, mw, n, 1);
            k.slice(cp, cw, n, 1);
            const dst = [dp, xp, yp][alias]!;
            k.addFields(dst, xp, masked ? mp : 0, yp, carried ? cp : 0, (perPlane * 8) / wordBytes, w);
            k.unslice(out, dst, n, w);
          });
          const wanted = [...x!].map((word, i) => {
            const kept = masked ? word * (m![i]! & 1n) : word;
            return BigInt.asUintN(w, kept + y![i]! + (carried ? c![i]! & 1n : 0n));
          });
          assert.deepEqual([...sum!], wanted);
        },
      ),
      { numRuns: 200 },
    );
  });

  test(`every width of planes, at lengths around a block, ${of}`, () => {
    for (let w = 1; w <= wordBits; w++) {
      for (const n of [1, 64, 65, 130, 513]) {
        const planes = { words: Math.ceil(n / 64) * w, planes: true as const };
        compareTwins(w, [{ words: n }, planes], (k, a, p) => {
          k.slice(p!, a!, n, w);
          k.unslice(a!, p!, n, w);
          if (w < wordBits) k.funnel(a!, a!, p!, n, w);
        });
      }
    }
  });
}
