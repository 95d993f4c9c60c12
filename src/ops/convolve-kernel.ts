/**
 * The bilinear map of a convolution on blocks of words: one indexed matrix product, for which images, windows and filters are
 * tables of offsets. Knows neither shares nor plans.
 *
 * There are two ways to the same words. Filters times windows: a product for every output. Or, where there are fewer elements than
 * outputs, filters times elements: each goes to all outputs that it is part of. Where windows reach beyond the image (or elements
 * beyond the outputs) they lie on a canvas: a copy among all the zeros that are needed.
 */
import { type Block, size as count, type Shape, sameShape } from "../ring/index.js";
import { withInts } from "./evaluate.js";
import { Indexed } from "./indexed.js";
import type { EvalContext } from "./op.js";

type Pair = readonly [number, number];
/** See convolve.ts. */
export interface Convolution {
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly spread: Pair;
  readonly padding: Pair;
  readonly size: Pair;
}

/** The product of one group. Its columns are those of one image after the other. */
interface Product {
  readonly indexed: Indexed;
  /** Of one image. */
  readonly columns: number;
  /** Words from one group to the next. */
  readonly groups: { readonly c: number; readonly a: number; readonly b: number };
}
/** What windows slide over: images among zeros, or the outputs. */
interface Canvas {
  readonly size: Pair;
  /** Where the image begins, and how far one of its elements is from the next. */
  readonly corner: Pair;
  readonly step: Pair;
  readonly image: Pair;
  /** Channels (or filters) of all groups. */
  readonly planes: number;
}

const both = (make: (axis: 0 | 1) => number): Pair => [make(0), make(1)];
/** The row-major offset of the i-th place of a grid, whose places lie `step` apart on a canvas of this width. */
const placed = (i: number, [, width]: Pair, step: Pair, canvas: Pair): number =>
  Math.floor(i / width) * step[0] * canvas[1] + (i % width) * step[1];

/** From so many columns on more would not make a product faster. */
const manyColumns = 4096;
/** Words that a canvas may always have; it may have twice as many as all images, too. */
const smallCanvas = 2 ** 17;

/** Made once for each node of a plan, not for each run. */
const known = new WeakMap<Convolution, Geometry>();
export function geometryOf(given: Convolution, x: Shape, w: Shape): Geometry {
  let geometry = known.get(given);
  if (!geometry || !sameShape(geometry.x, x) || !sameShape(geometry.w, w)) {
    geometry = new Geometry(given, x, w);
    known.set(given, geometry);
  }
  return geometry;
}

export class Geometry {
  readonly multiplyAdds: number;
  readonly #canvas: Canvas;
  readonly #product: Product;
  /** The canvas is a copy. */
  readonly #copies: boolean;
  /** By element: outputs on the canvas, instead of images. */
  readonly #byElement: boolean;
  /** Images that one product takes together. */
  readonly #together: number;

  constructor(
    given: Convolution,
    readonly x: Shape,
    readonly w: Shape,
  ) {
    const [images, places, outputs] = [x[0]!, count(x.slice(3)), count(given.size)];
    this.#byElement = places < outputs && given.stride.every((step) => step === 1);
    const positions = this.#byElement ? places : outputs;
    this.multiplyAdds = count(w) * images * positions;
    this.#canvas = this.#byElement ? outputCanvas(given, x, w) : imageCanvas(given, x, w);
    this.#copies = this.#canvas.size.some((length, axis) => length !== this.#canvas.image[axis]);
    const columns = Math.ceil(manyColumns / Math.max(1, positions));
    const room = this.#copies ? Math.max(smallCanvas, 2 * count(x)) / Math.max(1, this.canvasWords) : columns;
    this.#together = Math.max(1, Math.floor(Math.min(images, columns, room)));
    this.#product = (this.#byElement ? byElement : byWindow)(given, x, w, this.#canvas, this.#together);
  }

  /** Words of one image on the canvas. */
  get canvasWords(): number {
    return this.#canvas.planes * count(this.#canvas.size);
  }
  /** Words that run() takes beside its operands. */
  get workspace(): number {
    if (this.multiplyAdds === 0) return 0;
    // A canvas, what is cut out of it, and a few small numbers.
    const copies = this.#copies ? 2 * this.#together * this.canvasWords : 0;
    return copies + this.#product.indexed.words + 64;
  }

  /** dst = or += the convolution of x with the filters w. */
  run(context: EvalContext, dst: Block, x: Block, w: Block, accumulate: boolean): void {
    const { kernels, wordBytes } = context.ring;
    const { scope } = context.site;
    if (!accumulate && (this.#byElement || this.multiplyAdds === 0)) kernels.fill(dst.ptr, 0n, dst.words);
    if (this.multiplyAdds === 0) return;
    const [images, groups] = this.x as [number, number];
    const { indexed, columns, groups: step } = this.#product;
    const canvas = this.#copies ? scope.alloc(this.#together * this.canvasWords) : undefined;
    indexed.load(context, accumulate || this.#byElement, (multiply) => {
      for (let first = 0; first < images; first += this.#together) {
        const together = Math.min(this.#together, images - first);
        let from = x.ptr + (first / images) * x.words * wordBytes;
        const output = dst.ptr + (first / images) * dst.words * wordBytes;
        const to = canvas && this.#byElement ? canvas.ptr : output;
        if (canvas) kernels.fill(canvas.ptr, 0n, together * this.canvasWords);
        if (canvas && !this.#byElement) {
          this.#copy(context, from, canvas.ptr, together);
          from = canvas.ptr;
        }
        for (let i = 0; i < groups; i++)
          multiply(
            to + i * step.c * wordBytes,
            w.ptr + i * step.a * wordBytes,
            from + i * step.b * wordBytes,
            together * columns,
          );
        if (to !== output) this.#cut(context, to, output, together);
      }
    });
    if (canvas) scope.free(canvas);
  }

  /** The walk over images on the canvas: dimensions, steps, and where the first element lies. */
  #walk(images: number): readonly [dims: number[], steps: number[], start: number] {
    const { planes, image, step, size, corner } = this.#canvas;
    const dims = [images * planes, ...image];
    return [dims, [count(size), step[0] * size[1], step[1]], corner[0] * size[1] + corner[1]];
  }
  #copy(context: EvalContext, from: number, canvas: number, images: number): void {
    const [dims, steps, start] = this.#walk(images);
    withInts(context, [dims, steps], ([dimsAt, stepsAt]) =>
      context.ring.kernels.scatterAddStrided(canvas + start * context.ring.wordBytes, from, 3, dimsAt!, stepsAt!),
    );
  }
  #cut(context: EvalContext, canvas: number, output: number, images: number): void {
    const { kernels } = context.ring;
    const [dims, steps, start] = this.#walk(images);
    const part = context.site.scope.alloc(count(dims));
    withInts(context, [dims, steps], ([dimsAt, stepsAt]) =>
      kernels.gatherStrided(part.ptr, canvas + start * context.ring.wordBytes, 3, dimsAt!, stepsAt!),
    );
    kernels.add(output, output, part.ptr, part.words);
    context.site.scope.free(part);
  }
}

const reachOf = ({ dilation }: Convolution, w: Shape): Pair => both((axis) => (w[3 + axis]! - 1) * dilation[axis]);

/** Images with zeros around and between their elements, as far as windows reach. */
function imageCanvas(given: Convolution, x: Shape, w: Shape): Canvas {
  const { stride, spread, padding, size } = given;
  const reach = reachOf(given, w);
  const corner = both((axis) => Math.max(0, padding[axis]));
  const image = both((axis) => x[3 + axis]!);
  const ends = both((axis) => (size[axis] - 1) * stride[axis] + reach[axis] + 1 - padding[axis]);
  const whole = both((axis) => corner[axis] + Math.max((image[axis] - 1) * spread[axis] + 1, ends[axis]));
  return { size: whole, corner, step: spread, image, planes: x[1]! * x[2]! };
}

/** Filters times windows. */
function byWindow(given: Convolution, x: Shape, w: Shape, canvas: Canvas, images: number): Product {
  const { stride, dilation, padding, size } = given;
  const [groups, channels, filters] = [x[1]!, x[2]!, w[1]!];
  const kernel = both((axis) => w[3 + axis]!);
  const [taps, outputs, plane] = [count(kernel), count(size), count(canvas.size)];
  const origin = both((axis) => canvas.corner[axis] - padding[axis]);
  const start = origin[0] * canvas.size[1] + origin[1];
  const steps = channels * taps;
  const indexed = new Indexed(
    ...([filters, steps, images * outputs] as const),
    {
      row: (i) => i * outputs,
      column: (j) => Math.floor(j / outputs) * groups * filters * outputs + (j % outputs),
    },
    { row: (i) => i * steps, column: (j) => j },
    {
      row: (i) => Math.floor(i / taps) * plane + start + placed(i % taps, kernel, dilation, canvas.size),
      column: (j) =>
        Math.floor(j / outputs) * groups * channels * plane + placed(j % outputs, size, stride, canvas.size),
    },
  );
  return { indexed, columns: outputs, groups: { c: filters * outputs, a: filters * steps, b: channels * plane } };
}

/** Outputs, with room around them for what no output is made of. */
function outputCanvas(given: Convolution, x: Shape, w: Shape): Canvas {
  const { spread, padding, size } = given;
  const reach = reachOf(given, w);
  const corner = both((axis) => Math.max(0, reach[axis] - padding[axis]));
  const ends = both((axis) => padding[axis] + (x[3 + axis]! - 1) * spread[axis] + 1);
  const whole = both((axis) => corner[axis] + Math.max(size[axis], ends[axis]));
  return { size: whole, corner, step: [1, 1], image: size, planes: w[0]! * w[1]! };
}

/** Filters times elements, for a stride of 1. */
function byElement(given: Convolution, x: Shape, w: Shape, canvas: Canvas, images: number): Product {
  const { dilation, spread, padding } = given;
  const [groups, channels, filters] = [x[1]!, x[2]!, w[1]!];
  const [kernel, image] = [both((axis) => w[3 + axis]!), both((axis) => x[3 + axis]!)];
  const [taps, places, plane] = [count(kernel), count(image), count(canvas.size)];
  const origin = both((axis) => canvas.corner[axis] + padding[axis]);
  const start = origin[0] * canvas.size[1] + origin[1];
  const indexed = new Indexed(
    ...([filters * taps, channels, images * places] as const),
    {
      row: (i) => Math.floor(i / taps) * plane + start - placed(i % taps, kernel, dilation, canvas.size),
      column: (j) => Math.floor(j / places) * groups * filters * plane + placed(j % places, image, spread, canvas.size),
    },
    { row: (i) => Math.floor(i / taps) * channels * taps + (i % taps), column: (j) => j * taps },
    {
      row: (i) => i * places,
      column: (j) => Math.floor(j / places) * groups * channels * places + (j % places),
    },
  );
  const step = { c: filters * plane, a: filters * channels * taps, b: channels * places };
  return { indexed, columns: places, groups: step };
}
