/** Where the windows of ONNX's convolutions and pools lie: strides, dilations, padding and its automatic forms. */
import { samePadding, type Windows } from "../windows.js";
import type { Call } from "./call.js";

export interface Spatial extends Windows {
  /** Lengths of the image. */
  readonly size: readonly number[];
}

/** Larger windows and borders are nobody's, and would be counted out one by one. */
const mostPerAxis = 4096;

export function spatialOf(call: Call, size: readonly number[], kernel: readonly number[]): Spatial {
  const given = (name: string, otherwise: number) => {
    const values = call.ints(name) ?? size.map(() => otherwise);
    if (values.some((n) => !(n >= 1 && n <= mostPerAxis))) call.refuse(`${name} ${values}`);
    if (values.length !== size.length) call.refuse(`${name} of ${values.length} axes for ${size.length}`);
    return values;
  };
  if (kernel.some((n) => !(n >= 1 && n <= mostPerAxis))) call.refuse(`a kernel of ${kernel}`);
  if (kernel.length !== size.length) call.refuse(`a kernel of ${kernel.length} axes for ${size.length}`);
  const [strides, dilations] = [given("strides", 1), given("dilations", 1)];
  const mode = call.string("auto_pad", "NOTSET");
  let [before, after] = [size.map(() => 0), size.map(() => 0)];
  if (mode === "NOTSET") {
    const pads = call.ints("pads") ?? [...before, ...after];
    if (pads.some((n) => !(Math.abs(n) <= mostPerAxis))) call.refuse(`pads ${pads}`);
    if (pads.length !== 2 * size.length) call.refuse(`pads of ${pads.length} numbers`);
    [before, after] = [pads.slice(0, size.length), pads.slice(size.length)];
  } else if (mode.startsWith("SAME")) {
    return {
      size,
      kernel,
      strides,
      dilations,
      ...samePadding(size, { kernel, strides, dilations }, mode === "SAME_UPPER"),
    };
  }
  return { size, kernel, strides, dilations, before, after };
}
