/** Operators of ONNX that move elements: free on shares. Positions are public, but for rows of a table taken at secret positions. */
import { broadcastShapes, normalizeAxis, size } from "../../../ring/index.js";
import { concat, type Tensor } from "../../../tensor/index.js";
import { Numbers } from "../../numbers.js";
import { torchPads } from "../../windows.js";
import type { Call, OperatorTable } from "../call.js";
import { reshapeTo, sliceRange, slices, unsqueezed } from "../fold.js";

function split(call: Call): Tensor[] {
  const x = call.tensor(0);
  const axis = call.axis("axis", 0, x.shape.length);
  const lengths = call.list(1) ?? call.ints("split");
  const parts = call.int("num_outputs") ?? call.node.outputs.length;
  if (lengths && lengths.length !== call.node.outputs.length)
    call.refuse(`${lengths.length} lengths of ${parts} parts`);
  return x.split(lengths ?? Math.ceil(x.shape[axis]! / parts), axis);
}

function slice(call: Call): Tensor {
  let x = call.tensor(0);
  const [starts, ends] = [call.list(1) ?? call.ints("starts"), call.list(2) ?? call.ints("ends")];
  if (!starts || !ends) call.refuse("no starts or ends");
  for (const { axis, start, end, step } of slices(
    ...([x.shape.length, starts, ends, call.list(3) ?? call.ints("axes"), call.list(4)] as const),
  )) {
    const range = sliceRange(x.shape[axis]!, start, end, step);
    if (step === 0) call.refuse("a step of 0");
    if (step > 0)
      x = x.slice(range.first, range.first + (range.count === 0 ? 0 : (range.count - 1) * step + 1), axis, step);
    else {
      const first = x.shape[axis]! - 1 - range.first;
      x = x.flip(axis).slice(first, range.count === 0 ? first : first - (range.count - 1) * step + 1, axis, -step);
    }
  }
  return x;
}

/** Elements that are added to an axis, and of an axis whose positions are listed, one by one. */
const [mostAdded, mostListed] = [2 ** 16, 2 ** 20];

function pad(call: Call): Tensor {
  let x = call.tensor(0);
  const rank = x.shape.length;
  const given = call.list(1) ?? call.ints("pads") ?? call.refuse("no pads");
  const axes = call.axes(call.list(3), rank) ?? x.shape.map((_, i) => i);
  if (given.length !== 2 * axes.length) call.refuse(`pads of ${given.length} numbers for ${axes.length} axes`);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  if (given.some((n) => !(Math.abs(n) <= mostAdded))) call.refuse(`pads ${given}`);
  axes.forEach((axis, i) => {
    before[axis] = given[i]!;
    after[axis] = given[i + axes.length]!;
  });
  const mode = call.string("mode", "constant");
  if (mode === "constant") return x.pad(torchPads(before, after), call.number(2) ?? call.float("value", 0));
  for (let axis = 0; axis < rank; axis++) {
    const n = x.shape[axis]!;
    const length = n + before[axis]! + after[axis]!;
    if (length === n && before[axis] === 0) continue;
    if (length > mostListed) call.refuse(`an axis of ${length} elements that are listed one by one`);
    const at = (i: number): number => {
      const place = i - before[axis]!;
      if (mode === "edge") return Math.min(Math.max(place, 0), n - 1);
      if (mode === "wrap") return ((place % n) + n) % n;
      const period = Math.max(1, 2 * n - 2);
      const folded = ((place % period) + period) % period;
      return folded < n ? folded : period - folded;
    };
    x = x.indexSelect(
      axis,
      Array.from({ length }, (_, i) => at(i)),
    );
  }
  return x;
}

function gather(call: Call): Tensor {
  const shape = call.shape(0);
  const axis = call.axis("axis", 0, shape.length);
  const length = shape[axis]!;
  const [, index] = call.inputs;
  if (!(index instanceof Numbers)) {
    // A table looked up at secret positions: one-hot rows, times the table.
    if (axis !== 0 || shape.length !== 2) call.refuse("secret positions along another axis than the first of a table");
    const hot = call.tensor(1).oneHot(length);
    const rows = hot.reshape(-1, length).matmul(call.operand(0));
    return rows.reshape(...hot.shape.slice(0, -1), shape[1]!);
  }
  const positions = index.data.map((position) => (position < 0 ? position + length : position));
  const rows = call.tensor(0).indexSelect(axis, positions);
  return rows.reshape(...shape.slice(0, axis), ...index.shape, ...shape.slice(axis + 1));
}

function gatherElements(call: Call): Tensor {
  const x = call.tensor(0);
  const axis = call.axis("axis", 0, x.shape.length);
  const index = call.numbers(1)!;
  const data = index.data.map((position) => (position < 0 ? position + x.shape[axis]! : position));
  return x.gather(axis, new Numbers(index.shape, data).values());
}

function expand(call: Call): Tensor {
  const x = call.tensor(0);
  return x.expand(...broadcastShapes(x.shape, call.list(1)!));
}

/** Blocks of channels as pixels, or pixels as blocks of channels. */
function depthToSpace(call: Call): Tensor {
  const x = call.tensor(0);
  const b = call.int("blocksize", 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const each = c / (b * b);
  if (call.string("mode", "DCR") === "DCR")
    return x
      .reshape(n, b, b, each, h * w)
      .transpose(0, 3, 4, 1, 2)
      .reshape(n, each, h, w, b * b)
      .reshape(n * each, h, w, b, b)
      .transpose(0, 1, 3, 2, 4)
      .reshape(n, each, h * b, w * b);
  return x
    .reshape(n * each, b, b, h, w)
    .transpose(0, 3, 1, 4, 2)
    .reshape(n, each, h * b, w * b);
}
function spaceToDepth(call: Call): Tensor {
  const x = call.tensor(0);
  const b = call.int("blocksize", 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const blocks = x.reshape(n * c, h / b, b, w / b, b).transpose(2, 4, 0, 1, 3);
  return blocks
    .reshape(b * b, n, c, (h / b) * (w / b))
    .transpose(1, 0, 2, 3)
    .reshape(n, c * b * b, h / b, w / b);
}

/** Every element several times along each axis: the nearest neighbour, where lengths grow by whole numbers. */
function enlarged(call: Call): Tensor {
  const x = call.tensor(0);
  const at = call.opset >= 11 ? 2 : 1;
  const scales = call.list(at);
  const sizes = call.list(at + 1);
  const mode = call.string("mode", "nearest");
  const rounding = call.string("nearest_mode", "round_prefer_floor");
  const coordinates = call.string("coordinate_transformation_mode", "half_pixel");
  const factors = x.shape.map((length, axis) =>
    sizes && sizes.length > 0 ? sizes[axis]! / length : (scales?.[axis] ?? call.float("", 1)),
  );
  if (mode !== "nearest") call.refuse(`interpolation ${mode}`);
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1 && factor <= 4096))
    call.refuse(`lengths times ${factors}`);
  const plain =
    call.opset < 11 ||
    (coordinates === "asymmetric" && rounding === "floor") ||
    (coordinates === "half_pixel" && rounding.startsWith("round"));
  if (!plain) call.refuse(`coordinates ${coordinates} with ${rounding}`);
  return factors.reduce((value: Tensor, factor, axis) => {
    if (factor === 1) return value;
    if (value.shape[axis]! * factor > mostListed) call.refuse(`an axis of ${value.shape[axis]! * factor} elements`);
    return value.indexSelect(
      axis,
      Array.from({ length: value.shape[axis]! * factor }, (_, i) => Math.floor(i / factor)),
    );
  }, x);
}

export const layout: OperatorTable = {
  Reshape: {
    structure: [1],
    record: (call) => {
      const x = call.tensor(0);
      const to = call.list(1) ?? call.ints("shape") ?? call.refuse("no shape");
      return x.reshape(...reshapeTo(x.shape, to, call.flag("allowzero")));
    },
  },
  Flatten: {
    record(call) {
      const x = call.tensor(0);
      const axis = call.int("axis", 1);
      const at = axis < 0 ? axis + x.shape.length : axis;
      return x.reshape(size(x.shape.slice(0, at)), size(x.shape.slice(at)));
    },
  },
  Transpose: {
    record: (call) =>
      call.tensor(0).transpose(...(call.ints("perm") ?? call.shape(0).map((_, i) => call.shape(0).length - 1 - i))),
  },
  Squeeze: {
    structure: [1],
    record(call) {
      const x = call.tensor(0);
      const axes = call.axes(call.list(1) ?? call.ints("axes"), x.shape.length);
      return x.reshape(...x.shape.filter((length, axis) => (axes ? !axes.includes(axis) : length !== 1)));
    },
  },
  Unsqueeze: {
    structure: [1],
    record(call) {
      const x = call.tensor(0);
      return x.reshape(...unsqueezed(x.shape, call.list(1) ?? call.ints("axes") ?? call.refuse("no axes")));
    },
  },
  Concat: {
    record(call) {
      const parts = call.inputs.map((_, i) => call.tensor(i));
      return concat(parts, normalizeAxis(call.int("axis", 0), parts[0]!.shape.length, "Concat"));
    },
  },
  Split: { structure: [1], record: split },
  Slice: { structure: [1, 2, 3, 4], record: slice },
  Pad: { structure: [1, 2, 3], record: pad },
  Gather: { record: gather },
  GatherElements: { structure: [1], record: gatherElements },
  Expand: { structure: [1], record: expand },
  Tile: { structure: [1], record: (call) => call.tensor(0).repeat(...call.list(1)!) },
  DepthToSpace: { record: depthToSpace },
  SpaceToDepth: { record: spaceToDepth },
  Upsample: { structure: [1], record: enlarged },
  Resize: { structure: [1, 2, 3], record: enlarged },
  Trilu: {
    structure: [1],
    record(call) {
      const x = call.tensor(0);
      const [rows, columns] = x.shape.slice(-2) as [number, number];
      const k = call.number(1) ?? 0;
      if (rows * columns > mostListed) call.refuse(`a mask of ${rows * columns} elements`);
      const upper = call.flag("upper", true);
      const mask = Float64Array.from({ length: rows * columns }, (_, i) => {
        const above = (i % columns) - Math.floor(i / columns);
        return (upper ? above >= k : above <= k) ? 1 : 0;
      });
      return x.mul(new Numbers([rows, columns], mask).values());
    },
  },
  Shape: {
    record(call) {
      const { shape } = call.tensor(0);
      return Numbers.ints(shape.slice(call.int("start", 0), call.int("end")));
    },
  },
  Size: { record: (call) => Numbers.ints([call.tensor(0).size], []) },
};
