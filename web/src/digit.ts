/**
 * A drawing as the model wants it: prepared as the images of MNIST were (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of
 * handwritten digits"): scaled into a box of 20 x 20 pixels, placed by its centre of mass into 28 x 28, normalised. A pure
 * function of pixels; not the canvas.
 */

export const SIDE = 28;
const BOX = 20;
/** Mean and deviation of MNIST's pixels, by which training images are normalised. */
const MEAN = 0.1307;
const DEVIATION = 0.3081;

export interface Drawing {
  /** Row by row: 0 is paper, 1 is ink. */
  readonly ink: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** 28 x 28 numbers from 0 to 1, row by row; undefined if nothing is drawn. */
export function centred({ ink, width, height }: Drawing): Float32Array | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (ink[y * width + x]! > 0) {
        left = Math.min(left, x);
        right = Math.max(right, x + 1);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y + 1);
      }
  if (right <= left) return undefined;
  const step = Math.max(right - left, bottom - top) / BOX;
  const [columns, rows] = [right - left, bottom - top].map((length) => Math.max(1, Math.round(length / step)));
  const box = new Float32Array(columns! * rows!);
  let [mass, massX, massY] = [0, 0, 0];
  for (let y = 0; y < rows!; y++)
    for (let x = 0; x < columns!; x++) {
      const area = { x: left + x * step, y: top + y * step, step };
      const value = averaged({ ink, width, height }, area);
      box[y * columns! + x] = value;
      mass += value;
      massX += value * (x + 0.5);
      massY += value * (y + 0.5);
    }
  // By whole pixels, so that nothing is blurred, and the centre of mass into the pixel right below the middle, as in MNIST (all of
  // its first 1000 test images); never so far that ink falls off.
  const shift = (centre: number, length: number) => Math.min(SIDE - length, Math.max(0, Math.ceil(SIDE / 2 - centre)));
  const [shiftX, shiftY] = [shift(massX / mass, columns!), shift(massY / mass, rows!)];
  const pixels = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < rows!; y++)
    for (let x = 0; x < columns!; x++) pixels[(y + shiftY) * SIDE + x + shiftX] = box[y * columns! + x]!;
  return pixels;
}

/** What the model takes: mean and deviation of MNIST taken away. */
export const normalised = (pixels: Float32Array): Float32Array => pixels.map((value) => (value - MEAN) / DEVIATION);

/** The mean ink in a square, whose sides may lie within pixels. */
function averaged({ ink, width, height }: Drawing, { x, y, step }: { x: number; y: number; step: number }): number {
  let sum = 0;
  for (let row = Math.floor(y); row < Math.min(y + step, height); row++) {
    const covered = Math.min(row + 1, y + step) - Math.max(row, y);
    for (let column = Math.floor(x); column < Math.min(x + step, width); column++)
      sum += covered * (Math.min(column + 1, x + step) - Math.max(column, x)) * ink[row * width + column]!;
  }
  return sum / (step * step);
}
