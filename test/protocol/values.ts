/** Checks of results: every primitive against plain, on edge values and random ones. Part of the conformance suite. */
import assert from "node:assert/strict";
import { BoundError, ShapeError } from "../../src/errors.js";
import type { ProtocolDefinition, Share, Site } from "../../src/protocol/index.js";
import type { Linear } from "../../src/protocol/protocol.js";
import { agrees, inLab, revealPlane, SIZES, same, signed } from "./agreement.js";
import { edgesAndRandom, someWords, times } from "./cases.js";
import type { Check } from "./conformance.js";
import { computing, costsOf, type End, free, Lab, reveal, share, take, wordBitsOf, wordBytesOf } from "./harness.js";
import { separableValues, weighValues } from "./theorem.js";
import {
  bitsValues,
  booleanValues,
  movedBitsValues,
  msbValues,
  selectValues,
  signValues,
  zeroValues,
} from "./values-bits.js";

export function valueChecks(definition: ProtocolDefinition): Check[] {
  const check = (name: string, run: (definition: ProtocolDefinition) => void) => ({ name, run: () => run(definition) });
  return [
    check("linear maps and public words", linearValues),
    check("products and reshare", productValues),
    check("functions with an addition theorem", separableValues),
    check("truncate is floor or one above", truncateValues),
    check("truncate is unbiased", truncateMean),
    check("signs between the stages of a truncation are those of its result", stagedSigns),
    check("msb is the sign", msbValues),
    check("isZero sees zero", zeroValues),
    check("toBits gives the low bits", bitsValues),
    check("and, xor and not", booleanValues),
    check("bits move and are XORed", movedBitsValues),
    check("fromBits and select", selectValues),
    check("a value times its own sign", signValues),
    check("weigh adds weights of bits up", weighValues),
    check("input and reveal", inputValues),
    check("outgoing parts add up", outgoingValues),
    check("incoming takes rows in order", incomingValues),
    check("save, load and move", lifetimes),
    check("wrong widths and sizes are named", errors),
  ];
}

function linearValues(definition: ProtocolDefinition): void {
  for (const n of SIZES) {
    const inputs = ["x", "y", "public"].map((text) => someWords(n, 64, text));
    const [left, right, added] = inputs as [BigUint64Array, BigUint64Array, BigUint64Array];
    const expected = left.map((word, i) => 3n * word - right[i]! + added[i]!);
    agrees(definition, `3x - y + public, n = ${n}`, expected, (lab) => {
      const [x, y] = [share(lab, left, "x"), share(lab, right, "y")];
      const publics = lab.call((end, site) => {
        const words = end.scope.alloc(n);
        end.ring.setWords(words, new BigInt64Array(added.buffer));
        const result = end.protocol.fromPublic(site, words);
        end.scope.free(words);
        return result;
      }).values;
      const map =
        ({ ring: { kernels } }: End): Linear =>
        (dst, [a, b, c]) => {
          kernels.mulScalar(dst.ptr, a!.ptr, 3n, n);
          kernels.sub(dst.ptr, dst.ptr, b!.ptr, n);
          kernels.add(dst.ptr, dst.ptr, c!.ptr, n);
        };
      const z = lab.call((end, site) => {
        const list = [x, y, publics].map((shares) => shares[end.self]!);
        return end.protocol.linear(site, list, n, map(end));
      }).values;
      const result = reveal(lab, z);
      free(lab, x, y, publics, z);
      return result;
    });
  }
}

/** x y + w, summands added before the one resharing. */
function productValues(definition: ProtocolDefinition): void {
  for (const [m, k, n, pivot] of [
    [1, 1, 1, 0],
    [9, 7, 5, 0],
    [9, 7, 5, 1],
    [9, 7, 5, 5],
    [130, 3, 160, 7],
  ] as const) {
    const sizes = { x: m * k, y: k * n, w: m * n };
    const [left, right, added] = Object.entries(sizes).map(([text, size]) => edgesAndRandom(size, 64, text)) as [
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
    ];
    const expected = added.map((word, at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      for (let inner = 0; inner < k; inner++) word += left[row * k + inner]! * right[inner * n + column]!;
      return word;
    });
    agrees(definition, `matmul ${m}x${k}x${n} plus lifted, reshared`, expected, (lab) => {
      const [x, y, w] = [share(lab, left, "x"), share(lab, right, "y"), share(lab, added, "w")];
      const product = lab.call(
        (end, site) =>
          end.protocol.product(site, x[end.self]!, y[end.self]!, m * n, (dst, a, b, accumulate) =>
            end.ring.kernels.matmul(dst.ptr, a.ptr, b.ptr, m, k, n, accumulate ? 1 : 0),
          ),
        pivot,
      ).values;
      const lifted = lab.call((end, site) => end.protocol.lift(site, w[end.self]!)).values;
      const sum = lab.call((end, site) =>
        end.protocol.linearProduct(site, [product[end.self]!, lifted[end.self]!], m * n, (dst, [a, b]) =>
          end.ring.kernels.add(dst.ptr, a!.ptr, b!.ptr, m * n),
        ),
      ).values;
      const z = lab.call((end, site) => end.protocol.reshare(site, sum[end.self]!)).values;
      const result = reveal(lab, z);
      free(lab, x, y, w, product, lifted, sum, z);
      return result;
    });
  }
}

/** truncate of shared words, revealed. */
function truncated(lab: Lab, words: BigUint64Array, shift: number, pivot: number): BigUint64Array {
  const x = share(lab, words);
  const z = lab.call((end, site) => end.protocol.lift(site, x[end.self]!)).values;
  const y = lab.call((end, site) => end.protocol.truncate(site, z[end.self]!, shift), pivot).values;
  const result = reveal(lab, y);
  free(lab, x, z, y);
  return result;
}

function truncateValues(definition: ProtocolDefinition): void {
  const bits = wordBitsOf(definition);
  inLab(definition, (lab) => {
    for (const n of SIZES)
      for (const shift of [1, 2, 13, 16, 20, ...(bits === 64 ? [31, 32, 33, 40] : []), bits - 4, bits - 3]) {
        // The first words are 0, ±1 and ±(2^62 - 1), the others up to 2^62 in size; of 32 bits ±(2^30 - 1) and 2^30.
        const words = edgesAndRandom(n, bits - 1, `truncate ${shift}`);
        const result = truncated(lab, words, shift, shift);
        for (let i = 0; i < n; i++) {
          const error = signed(result[i]) - (signed(words[i]) >> BigInt(shift));
          assert.ok(error === 0n || error === 1n, `element ${i} of ${n} by ${shift}: off by ${error}`);
        }
      }
    // Whatever the coin, exact multiples stay exact: one in 2^shift coins would show it, so small shifts tell.
    for (const shift of [1, 2, 8, 20]) {
      const words = someWords(20000, bits - 22, "multiples").map((word) => word << BigInt(shift));
      same(
        truncated(lab, words, shift, shift),
        words.map((word) => BigInt.asUintN(64, signed(word) >> BigInt(shift))),
        `multiples of 2^${shift}`,
      );
    }
  });
}

/** Of the values, of their differences from the next one, and of those from a public number. */
function stagedSigns(definition: ProtocolDefinition): void {
  if (!costsOf(definition).stages) return;
  const bits = wordBitsOf(definition);
  const shift = bits / 4;
  const width = bits - shift;
  inLab(definition, (lab) => {
    for (const [pivot, n] of SIZES.entries()) {
      // Small ones, so that the coin of the rounding decides about many signs, and large ones.
      for (const size of [shift + 2, bits - 2]) {
        const x = share(lab, edgesAndRandom(n, size, `staged ${size}`));
        const lifted = lab.call((end, site) => end.protocol.lift(site, x[end.self]!)).values;
        const moves = n > 16384 ? [] : [differences, fromPublic];
        const maps = [undefined, ...moves];
        const begun = lab.call((end, site) => end.protocol.stages!.begin(site, lifted[end.self]!, shift), pivot).values;
        const publics = lab.call(
          (end, site) => {
            const words = end.scope.alloc(n);
            end.ring.setWords(words, new BigInt64Array(n).fill(3n));
            const { protocol } = end;
            const both = [protocol.stages!.fromPublic(site, words, begun[end.self]!), protocol.fromPublic(site, words)];
            end.scope.free(words);
            return both;
          },
          pivot,
          2,
        ).values;
        const at = (i: number) => publics.map((both) => both[i]!);
        const mapped = (values: readonly Share[], added: readonly Share[], map: ShareMap | undefined) =>
          map ? lab.call((end, site) => map(end, site, [values[end.self]!, added[end.self]!]), pivot).values : values;
        const early = maps.map((map) => {
          const value = mapped(begun, at(0), map);
          const signs = lab.call((end, site) => end.protocol.msb(site, value[end.self]!, width), pivot).values;
          const seen = revealPlane(lab, signs);
          free(lab, signs, ...(map ? [value] : []));
          return seen;
        });
        const whole = lab.call((end, site) => end.protocol.stages!.end(site, begun[end.self]!), pivot).values;
        maps.forEach((map, i) => {
          const value = mapped(whole, at(1), map);
          const expected = reveal(lab, value).map((word) => (signed(word) < 0n ? 1n : 0n));
          same(early[i]!, expected, `map ${i} of ${n} elements of ${size} bits`);
          if (map) free(lab, value);
        });
        free(lab, x, lifted, begun, whole, at(0), at(1));
      }
    }
  });
}
type ShareMap = (end: End, site: Site, values: readonly Share[]) => Share;
const differences: ShareMap = ({ protocol, ring: { kernels, wordBytes } }, site, [x]) =>
  protocol.linear(site, [x!], x!.n, (dst, [a]) => {
    kernels.copy(dst.ptr, a!.ptr, x!.n);
    kernels.sub(dst.ptr, dst.ptr, a!.ptr + wordBytes, x!.n - 1);
  });
const fromPublic: ShareMap = ({ protocol, ring: { kernels } }, site, [x, three]) =>
  protocol.linear(site, [three!, x!], x!.n, (dst, [a, b]) => kernels.sub(dst.ptr, a!.ptr, b!.ptr, x!.n));

/** The mean of n coins of any bias has a standard deviation of at most 0.5 / sqrt(n); the limit is six of them. */
function truncateMean(definition: ProtocolDefinition): void {
  const n = 20000;
  const bits = wordBitsOf(definition);
  inLab(definition, (lab) => {
    for (const shift of [1, 3, 8, 16, 20, ...(bits === 64 ? [33] : [])])
      for (const [index, fraction] of [0.25, 0.5, 0.9].entries())
        for (const whole of [5n, -7n, 1n << BigInt(bits - 4 - shift)]) {
          const value = (whole << BigInt(shift)) + BigInt(Math.round(fraction * 2 ** shift));
          const words = new BigUint64Array(n).fill(BigInt.asUintN(64, value));
          let ups = 0;
          for (const word of truncated(lab, words, shift, index)) ups += Number(signed(word) - whole);
          const bias = Math.abs(ups / n - Math.round(fraction * 2 ** shift) / 2 ** shift);
          assert.ok(bias < 3 / Math.sqrt(n), `shift ${shift}, fraction ${fraction}: bias ${bias}`);
        }
  });
}

function inputValues(definition: ProtocolDefinition): void {
  for (const n of SIZES)
    inLab(definition, (lab) => {
      for (const party of computing(definition)) {
        const words = edgesAndRandom(n, wordBitsOf(definition), `input ${party}`);
        const { scope, ring } = lab.ends[party]!;
        const block = scope.alloc(n);
        ring.setWords(block, new BigInt64Array(words.buffer));
        const x = lab.call((end, site) =>
          end.protocol.input(site, party, end.self === party ? block : undefined, n),
        ).values;
        scope.free(block);
        same(reveal(lab, x), words, `input of party ${party}`);
        const to = (party + 1) % computing(definition).length;
        const { values } = lab.call((end, site) => end.protocol.revealTo(site, x[end.self]!, to));
        for (const [index, seen] of values.entries())
          if (index === to) same(take(lab, index, seen!), words, `reveal to party ${to}`);
          else assert.equal(seen, undefined, `party ${index} must see nothing`);
        free(lab, x);
      }
    });
}

function outgoingValues(definition: ProtocolDefinition): void {
  inLab(definition, (lab) => {
    const wordBytes = wordBytesOf(definition);
    const words = edgesAndRandom(1000, wordBitsOf(definition));
    const x = share(lab, words);
    const parts = lab.call((end, site) => end.protocol.outgoing(site, x[end.self]!)).values;
    const bytes = parts.map((block, party) => lab.ends[party]!.ring.bytes(block).slice());
    for (const [party, block] of parts.entries()) take(lab, party, block);
    const sum = definition.sharing.combine(bytes, wordBytes).slice().buffer;
    const added = wordBytes === 8 ? new BigUint64Array(sum) : BigUint64Array.from(new Int32Array(sum), BigInt);
    same(added, words, "parts added up");
    free(lab, x);
  });
}

/** Rows forwards, backwards, repeated and far in; fresh seeds, and corrections made in two pieces. */
function incomingValues(definition: ProtocolDefinition): void {
  const { sharing } = definition;
  const [rowWords, rowCount] = [3, 400];
  const words = someWords(rowWords * rowCount, wordBitsOf(definition));
  const seeds = sharing.freshSeeds();
  const bytes = new Uint8Array(words.buffer);
  const half = 8 * 501;
  const corrections = [
    sharing.correction(seeds, 0, bytes.slice(0, half)),
    sharing.correction(seeds, 501, bytes.slice(half)),
  ];
  const correction = Buffer.concat(corrections);
  inLab(definition, (lab) => {
    const rows = Uint32Array.of(5, 6, 7, 2, 2, 399, 0, 1, 100);
    const x = lab.call((end, site) => {
      const stored = { seeds: seeds.byParty[end.self]! };
      const read = (offset: number, target: Uint8Array) =>
        target.set(correction.subarray(offset * 8, offset * 8 + target.length));
      const kept = sharing.keepsCorrection[end.self] ? { ...stored, correction: read } : stored;
      return end.protocol.incoming(site, kept, rowWords, rows);
    }).values;
    const expected = [...rows].flatMap((row) => [...words.slice(row * rowWords, (row + 1) * rowWords)]);
    same(reveal(lab, x), new BigUint64Array(expected), "rows");
    free(lab, x);
  });
}

function lifetimes(definition: ProtocolDefinition): void {
  inLab(definition, (lab) => {
    const words = someWords(77, wordBitsOf(definition));
    const x = share(lab, words);
    const saved = lab.ends.map((end) => end.protocol.save(x[end.self]!));
    const elsewhere = lab.ends.map((end) => end.ring.scope());
    const moved = lab.ends.map((end) => end.protocol.move(x[end.self]!, end.scope, elsewhere[end.self]!));
    for (const end of lab.ends) assert.equal(end.scope.live, 0, "moved away");
    same(reveal(lab, moved), words, "moved");
    for (const scope of elsewhere) scope.close();
    const loaded = lab.ends.map((end) => end.protocol.load(end.scope, saved[end.self]!));
    same(reveal(lab, loaded), words, "loaded");
    const z = lab.call((end, site) =>
      end.protocol.product(site, loaded[end.self]!, loaded[end.self]!, 77, times(end.ring, 77)),
    ).values;
    const y = lab.call((end, site) => end.protocol.truncate(site, z[end.self]!, 1)).values;
    for (const [self, { protocol }] of lab.ends.entries()) {
      assert.deepEqual(protocol.save(loaded[self]!), saved[self], "saved after a product");
      assert.equal(protocol.save(y[self]!).length, saved[self]!.length, "the size of a truncation's result");
    }
    free(lab, loaded, z, y);
  });
}

function errors(definition: ProtocolDefinition): void {
  const lab = new Lab(definition);
  const x = share(lab, someWords(10));
  const y = share(lab, someWords(11));
  const z = lab.call((end, site) => end.protocol.lift(site, x[end.self]!)).values;
  const bits = (shares: readonly Share[], width: number) =>
    lab.call((end, site) => end.protocol.toBits(site, shares[end.self]!, width)).values;
  const [one, two, long] = [bits(x, 1), bits(x, 2), bits(y, 1)];
  const fails = (type: typeof BoundError | typeof ShapeError, what: RegExp, start: Parameters<Lab["call"]>[0]) =>
    assert.throws(
      () => lab.call(start),
      (error) => error instanceof type && what.test(error.message),
      String(what),
    );
  const most = wordBitsOf(definition);
  for (const shift of [0, most - 2, 1.5])
    fails(BoundError, /truncate: expected a shift/, (end, site) => end.protocol.truncate(site, z[end.self]!, shift));
  for (const width of [1, most + 1])
    fails(BoundError, /msb: expected/, (end, site) => end.protocol.msb(site, x[end.self]!, width));
  for (const width of [0, most + 1]) {
    fails(BoundError, /isZero: expected/, (end, site) => end.protocol.isZero(site, x[end.self]!, width));
    fails(BoundError, /toBits: expected/, (end, site) => end.protocol.toBits(site, x[end.self]!, width));
  }
  fails(ShapeError, /and: expected/, (end, site) => end.protocol.and(site, one[end.self]!, two[end.self]!));
  fails(ShapeError, /xor: expected/, (end, site) => end.protocol.xor(site, one[end.self]!, long[end.self]!));
  fails(ShapeError, /fromBits \(planes\): expected/, (end, site) => end.protocol.fromBits(site, two[end.self]!));
  fails(ShapeError, /select: expected/, (end, site) => end.protocol.select(site, long[end.self]!, x[end.self]!));
  lab.close();
}
