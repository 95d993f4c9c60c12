/** Where the windows of ONNX's convolutions and pools lie: strides, dilations, padding and its automatic forms. */
import type { Call } from "./call.js";

export interface Spatial {
  /** Lengths of the image. */
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export function spatialOf(call: Call, size: readonly number[], kernel: readonly number[]): Spatial {
  const given = (name: string, otherwise: number) => {
    const values = call.ints(name) ?? size.map(() => otherwise);
    if (values.length !== size.length) call.refuse(`${name} of ${values.length} axes for ${size.length}`);
    return values;
  };
  if (kernel.length !== size.length) call.refuse(`a kernel of ${kernel.length} axes for ${size.length}`);
  const [strides, dilations] = [given("strides", 1), given("dilations", 1)];
  const mode = call.string("auto_pad", "NOTSET");
  let [before, after] = [size.map(() => 0), size.map(() => 0)];
  if (mode === "NOTSET") {
    const pads = call.ints("pads") ?? [...before, ...after];
    if (pads.length !== 2 * size.length) call.refuse(`pads of ${pads.length} numbers`);
    [before, after] = [pads.slice(0, size.length), pads.slice(size.length)];
  } else if (mode.startsWith("SAME")) {
    const total = size.map((length, i) => {
      const [stride, reach] = [strides[i]!, dilations[i]! * (kernel[i]! - 1) + 1];
      return Math.max(0, (Math.ceil(length / stride) - 1) * stride + reach - length);
    });
    before = total.map((n) => (mode === "SAME_UPPER" ? Math.floor(n / 2) : Math.ceil(n / 2)));
    after = total.map((n, i) => n - before[i]!);
  }
  return { size, kernel, strides, dilations, before, after };
}

/** The padding of both sides, if they are alike. */
export function paddingOf({ before, after }: Spatial): readonly number[] | undefined {
  return before.every((n, i) => n === after[i] && n >= 0) ? before : undefined;
}
/** In the order of Tensor.pad: the last axis first. */
export function torchPads(before: readonly number[], after: readonly number[]): number[] {
  return before
    .flatMap((n, i) => [n, after[i]!].map((value) => ({ i, value })))
    .sort((p, q) => q.i - p.i)
    .map(({ value }) => value);
}
