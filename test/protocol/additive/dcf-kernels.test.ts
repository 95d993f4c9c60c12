// The loops of comparison functions on halves at which carries and signs turn, which random seeds never meet.
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, generate } from "../../../src/protocol/additive/dcf.js";
import { dcfKernels } from "../../../src/protocol/additive/dcf-kernels.js";
import { secureRandom } from "../../../src/random/index.js";
import { createJsKernels, Ring } from "../../../src/ring/index.js";

const N = 1500;
const EDGES = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

/** Blocks of words whose halves are edges. */
class Bench {
  readonly ring = new Ring();
  readonly kernels = dcfKernels(this.ring.kernels);
  readonly #scope = this.ring.scope();

  edges(words: number) {
    const block = this.#scope.alloc(words);
    const choice = secureRandom(2 * words);
    this.ring.u32(block).set(Array.from(choice, (byte) => EDGES[byte % EDGES.length]!));
    return block;
  }
  zeros(words: number) {
    const block = this.#scope.alloc(words);
    this.ring.u64(block).fill(0n);
    return block;
  }
  /** Masks, 4 bytes each. */
  control(n: number) {
    const block = this.#scope.alloc(n / 2);
    this.ring.u32(block).set(Array.from(secureRandom(n), (byte) => (byte & 1) * (2 ** 32 - 1)));
    return block;
  }
}

const wrapped = (value: bigint) => BigInt.asUintN(64, value);

test("sums of an evaluation: conv(H) + t * correction, at every level", () => {
  for (const words of [1, 2, 3, 4]) {
    const bench = new Bench();
    const { ring, kernels } = bench;
    const value = 2 * Math.ceil(words / 2);
    for (const last of [false, true]) {
      const stride = last ? value : value + 2;
      const [rows, hashed, x] = [bench.zeros(stride * N), bench.edges(stride * N), bench.edges(N)];
      const [control, sums, seeds] = [bench.control(N), bench.edges(words * N), bench.zeros(2 * N)];
      const values = bench.edges(2 * words * N);
      const [h, v, p] = [ring.u64(hashed), ring.u64(values), ring.u64(x)];
      const t = Array.from(ring.u32(control), (mask) => BigInt(mask & 1));
      const expected = Array.from(ring.u64(sums), (sum, at) => {
        const [i, g] = [Math.floor(at / words), at % words];
        const d = Number(p[i]! & 1n);
        const own = h[i * stride + ((d * words) % 2) + g]!;
        return wrapped(sum + own + t[i]! * v[at + (last ? d * words * N : 0)]!);
      });
      if (last)
        kernels.dcfEvalEnd(rows.ptr, hashed.ptr, control.ptr, sums.ptr, values.ptr, 8 * words * N, x.ptr, N, words);
      else {
        // Bit 32 of the points, taken from their bit 0, so that both tests read the same path.
        const moved = bench.zeros(N);
        ring.kernels.shl(moved.ptr, x.ptr, 32, N);
        kernels.dcfEvalStep(
          rows.ptr,
          hashed.ptr,
          control.ptr,
          sums.ptr,
          seeds.ptr,
          values.ptr,
          moved.ptr,
          32,
          N,
          words,
        );
      }
      assert.deepEqual([...ring.u64(sums)], expected, `${words} words, last ${last}`);
    }
  }
});

test("corrections of a generation: differences, signs and sums", () => {
  for (const words of [1, 2, 3, 4])
    for (const last of [false, true]) {
      const bench = new Bench();
      const { ring, kernels } = bench;
      const children = last ? 0 : 4;
      const party = children + 2 * words;
      const [rows, hashed] = [bench.zeros(2 * party * N), bench.edges(2 * party * N)];
      const [alpha, beta, control, sums] = [
        bench.edges(N),
        bench.edges(words * N),
        bench.control(N),
        bench.edges(words * N),
      ];
      const [seeds, values] = [bench.zeros(2 * N), bench.zeros(2 * words * N)];
      const [h, b, a] = [ring.u64(hashed).slice(), ring.u64(beta), ring.u64(alpha)];
      const before = ring.u64(sums).slice();
      const sign = Array.from(ring.u32(control), (mask) => (mask === 0 ? 1n : -1n));
      const at = (i: number, g: number, d: number) => {
        const own = 2 * party * i + children + d * words + g;
        return h[own + party]! - h[own]!;
      };
      if (last)
        kernels.dcfGenEnd(
          rows.ptr,
          hashed.ptr,
          control.ptr,
          sums.ptr,
          values.ptr,
          8 * words * N,
          alpha.ptr,
          beta.ptr,
          N,
          words,
        );
      else
        kernels.dcfGenStep(
          rows.ptr,
          hashed.ptr,
          control.ptr,
          sums.ptr,
          seeds.ptr,
          values.ptr,
          alpha.ptr,
          beta.ptr,
          33,
          N,
          words,
        );
      const [got, after] = [ring.u64(values), ring.u64(sums)];
      for (let i = 0; i < N; i++)
        for (let g = 0; g < words; g++) {
          const [w, s] = [i * words + g, before[i * words + g]!];
          const path = Number((a[i]! >> (last ? 0n : 33n)) & 1n);
          const target = path === 1 ? b[w]! : 0n;
          if (last) {
            assert.equal(got[w], wrapped(sign[i]! * (at(i, g, 0) - s + target)));
            assert.equal(got[w + words * N], wrapped(sign[i]! * (at(i, g, 1) - s)));
          } else {
            assert.equal(got[w], wrapped(sign[i]! * (at(i, g, 1 - path) - s + target)));
            assert.equal(after[w], wrapped(at(i, g, 1 - path) - at(i, g, path) + target));
          }
        }
    }
});

test("the loops in TypeScript and the wasm kernels give the same keys and values, bit for bit", () => {
  const shape = { instances: 300, bits: 37, words: 3 };
  const inputs = [300, 900, 300].map((words) => secureRandom(8 * words));
  const seeds = [secureRandom(4800), secureRandom(4800)];
  const run = (ring: Ring) => {
    const scope = ring.scope();
    const [alpha, beta, x] = inputs.map((bytes) => {
      const block = scope.alloc(bytes.length / 8);
      ring.bytes(block).set(bytes);
      return block;
    });
    const fill = (seed: Uint8Array) => (target: Uint8Array) => target.set(seed);
    const keys = generate(ring, scope, shape, alpha!, beta!, [fill(seeds[0]!), fill(seeds[1]!)]);
    return keys.flatMap((key, party) => {
      const dst = scope.alloc(900);
      evaluate(ring, party as 0 | 1, key, x!, dst);
      return [ring.bytes(key.corrections).slice(), ring.bytes(dst).slice()];
    });
  };
  assert.deepEqual(run(new Ring({ kernels: createJsKernels() })), run(new Ring()));
});
