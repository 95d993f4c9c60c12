/** Small plans that the tests of parties run. Not a test. */
import { add, constant, sum } from "../../src/ops/build.js";
import type { Builder, Ref } from "../../src/ops/index.js";
import { type Plan, Recorder } from "../../src/plan/index.js";

export const fraction = 16;

/** Records a plan at f = 16. */
export function plan(record: (b: Builder) => void): Plan {
  const recorder = new Recorder({ fraction });
  record(recorder);
  return recorder.close();
}

export const secretOf = (b: Builder, values: number[]): Ref =>
  b.node("secret", [constant(b, values, [values.length], fraction)]);
export const input = (b: Builder, slot: string, n: number): Ref =>
  b.node("input", [], { slot, shape: [n], scale: fraction, bound: fraction + 15 });
export const variable = (b: Builder, name: string, n: number): Ref =>
  b.node("variable", [], { name, shape: [n], scale: fraction, bound: fraction + 15 });
export const assign = (b: Builder, name: string, value: Ref): Ref => b.node("assign", [value], { name });
export const open = (b: Builder, label: string, value: Ref, recipients = ["driver"]): Ref =>
  b.node("reveal", [value], { label, release: "open", recipients });
export const batch = (
  b: Builder,
  name: string,
  rows: number,
  width: number,
  attrs: Record<string, unknown> = {},
): Ref =>
  b.node("dataset", [], {
    ...{ name, rows, rowShape: [width], scale: fraction, bound: fraction + 15 },
    ...{ batch: 2, stride: 2, shuffle: false, epoch: "epoch", position: "position" },
    ...attrs,
  });

/** w := values */
export const init = (values: number[], name = "w") => plan((b) => void assign(b, name, secretOf(b, values)));
/** w := w + values; reveals nothing. */
export const increase = (values: number[], name = "w") =>
  plan((b) => void assign(b, name, add(b, variable(b, name, values.length), secretOf(b, values))));
/** Reveals w to the driver. */
export const show = (n: number, name = "w", recipients?: string[]) =>
  plan((b) => void open(b, "w", variable(b, name, n), recipients));
/** Reveals x + x to the driver. */
export const double = (n: number, slot = "x", recipients?: string[]) =>
  plan((b) => {
    const x = input(b, slot, n);
    open(b, "y", add(b, x, x), recipients);
  });
/** Reveals the sum of a batch of rows. */
export const total = (
  name: string,
  rows: number,
  width: number,
  attrs: Record<string, unknown> = {},
  recipients?: string[],
) => plan((b) => void open(b, "total", sum(b, batch(b, name, rows, width, attrs), [0]), recipients));
/** w := w * w, which takes rounds. */
export const squareUp = (n: number, name = "w") =>
  plan((b) => {
    const w = variable(b, name, n);
    assign(b, name, b.node("truncate", [b.node("mul", [w, w])], { shift: fraction }));
  });
/** A number as a word. */
export const word = (value: number): bigint => BigInt(Math.round(value * 2 ** fraction));
