/** Plans that take much memory, and how much a run of one took. Not a test. */
import { execute } from "../../src/engine/index.js";
import { matmul, relu, sum } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { bytesOfRun } from "../../src/party/memory.js";
import { type Plan, planInputs, wordBytesOf } from "../../src/plan/index.js";
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
  const options = (self: number) => ({ ring: rings[self]!, execute: measured(self) });
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
const one = (b: Builder, value: number, n: number): Ref =>
  b.node("constant", [], {
    ...{ shape: [n], scale: fraction, bound: fraction + 5 },
    words: Buffer.from(BigInt64Array.of(BigInt(value) << BigInt(fraction)).buffer).toString("base64"),
  });
