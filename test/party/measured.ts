/** Plans that take much memory, and how much a run of one took. Not a test. */
import { execute } from "../../src/engine/index.js";
import { add, linear, matmul, relu, share, square, sum } from "../../src/ops/build.js";
import { conv2d, convTranspose2d } from "../../src/ops/convolutions.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { maxPool2d } from "../../src/ops/max-pooling.js";
import { avgPool2d } from "../../src/ops/pooling.js";
import { flip, indexSelect, pad, roll } from "../../src/ops/rearrange.js";
import { bytesOfRun } from "../../src/party/memory.js";
import { differentiate, type Plan, planInputs, type Recorder, wordBytesOf } from "../../src/plan/index.js";
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import { Ring } from "../../src/ring/index.js";
import { names, TestCluster } from "./helpers.js";
import { assign, fraction, input, open, plan } from "./plans.js";

/** A ring that remembers the most bytes that were in use at one time. */
class Measured extends Ring {
  peak = 0;
  override take(words: number) {
    const block = super.take(words);
    this.peak = Math.max(this.peak, this.usedBytes);
    return block;
  }
}

/** Runs a plan, whose inputs have n elements, once: the bytes that each member took, and what admission estimates. */
export async function measure(plan: Plan, n: number, definition?: ProtocolDefinition) {
  const rings = names.map(() => new Measured());
  const used: number[] = [];
  let estimate = 0;
  const measured =
    (self: number): typeof execute =>
    async (program, options) => {
      estimate = bytesOfRun(program.cost, wordBytesOf(program.plan));
      const ring = rings[self]!;
      const before = ring.usedBytes;
      ring.peak = before;
      const stats = await execute(program, options);
      used[self] = ring.peak - before;
      return stats;
    };
  const options = (self: number) => ({ ring: rings[self]!, execute: measured(self), timeoutMs: 60_000 });
  const cluster = await new TestCluster(options, undefined, definition).connect();
  await cluster.put(plan);
  const words = Array.from({ length: n }, () => 1n);
  await cluster.run(plan, { inputs: Object.fromEntries(planInputs(plan).map(({ slot }) => [slot, words])) });
  await cluster.close();
  return { used, estimate };
}

const wide = (b: Builder, slot: string, shape: number[]): Ref =>
  b.node("input", [], { slot, shape, scale: fraction, bound: fraction + 15 });
const many = (times: number, record: (i: number) => void) => Array.from({ length: times }, (_, i) => record(i));
const mean = (b: Builder, label: string, x: Ref) =>
  b.node("reveal", [x], { label, release: "meanLoss", recipients: ["driver"], limit: 2 ** fraction });

/** Plans whose nodes take much working space beside their values. */
export const greedy: Record<string, (n: number) => Plan> = {
  input: (n) => plan((b) => void open(b, "y", sum(b, input(b, "x", n), [0]))),
  product: (n) =>
    plan((b) => {
      const [x, y] = [input(b, "x", n), input(b, "y", n)];
      assign(b, "w", b.node("truncate", [b.node("mul", [x, y])], { shift: fraction }));
    }),
  "matrix product": (n) =>
    plan((b) => {
      const y = matmul(b, wide(b, "x", [4, n / 4]), wide(b, "y", [n / 4, 4]));
      assign(b, "w", b.node("truncate", [y], { shift: fraction }));
    }),
  "convolution with padding, and the gradients of all": (n) =>
    plan((b) => {
      const [x, w, v] = [wide(b, "x", [2, 5, n / 100, 10]), few(b, [4, 5, 3, 3]), few(b, [4, 2, 2, 2])];
      const out = convTranspose2d(b, conv2d(b, x, w, undefined, { padding: 2 }), v, undefined, {
        stride: 2,
        padding: 1,
      });
      gradients(b, out, [x, w, v]);
    }),
  "pooling of windows that overlap, and its gradient": (n) =>
    plan((b) => {
      const x = wide(b, "x", [2, 5, n / 100, 10]);
      gradients(
        b,
        add(b, maxPool2d(b, x, 3, { stride: 1, padding: 1 }), avgPool2d(b, x, 3, { stride: 1, padding: 1 })),
        [x],
      );
    }),
  "a map along the last axis, and its gradients": (n) =>
    plan((b) => {
      const [x, w] = [wide(b, "x", [2, n / 20, 10]), few(b, [10, 10])];
      gradients(b, linear(b, x, w), [x, w]);
    }),
  "elements in other places, and back": (n) =>
    plan((b) => {
      const x = wide(b, "x", [n / 10, 10]);
      const index = Array.from({ length: n / 10 }, (_, i) => (7 * i) % (n / 10));
      const moved = roll(b, flip(b, indexSelect(b, x, 0, index)), [3], [0]);
      gradients(b, pad(b, moved, [1, 2, 3, 4]), [x]);
    }),
  "twenty relus of one value": (n) =>
    plan((b) => {
      const x = input(b, "x", n);
      many(20, (i) => assign(b, `w${i}`, relu(b, b.node("add", [x, b.node("secret", [one(b, i, n)])]))));
    }),
  "twenty tests for zero": (n) =>
    plan((b) => {
      const x = input(b, "x", n);
      many(20, (i) => {
        const zero = b.node("isZero", [b.node("add", [x, b.node("secret", [one(b, i, n)])])]);
        assign(b, `w${i}`, b.node("fromBits", [zero]));
      });
    }),
  "ten mean losses of one value": (n) =>
    plan((b) => {
      const x = input(b, "x", n);
      many(10, (i) => mean(b, `y${i}`, x));
    }),
  "ten counts of one bit a row": (n) =>
    plan((b) => {
      const bit = b.node("isNegative", [input(b, "x", n)]);
      many(10, (i) => b.node("reveal", [bit], { label: `y${i}`, release: "count", recipients: ["driver"] }));
    }),
};
/** Numbers that everybody knows, as a share. */
const few = (b: Builder, shape: number[]): Ref =>
  b.node("secret", [b.node("constant", [], { shape, scale: fraction, bound: fraction, words: "AQAAAAAAAAA=" })]);
/** The gradients of the sum of squares, kept. */
const gradients = (b: Builder, value: Ref, targets: readonly Ref[]) =>
  differentiate(b as Recorder, sum(b, square(b, value)), targets).forEach((gradient, i) => {
    assign(b, `g${i}`, share(b, gradient!));
  });
const one = (b: Builder, value: number, n: number): Ref =>
  b.node("constant", [], {
    ...{ shape: [n], scale: fraction, bound: fraction + 5 },
    words: Buffer.from(BigInt64Array.of(BigInt(value) << BigInt(fraction)).buffer).toString("base64"),
  });
