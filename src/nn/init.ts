/**
 * First values of parameters, torch.nn.init. They are drawn by whoever drives the session, and only when the parameter is first
 * used: later calls change nothing.
 */
import { InputError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { uniform as draw } from "../random/index.js";
import { type Shape, size } from "../ring/index.js";
import type { Parameter } from "./parameter.js";

type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu" | "conv";

function filled(parameter: Parameter, values: (n: number) => Float64Array): Parameter {
  const n = size(parameter.shape);
  parameter.start = () => values(n);
  return parameter;
}
/** n independent numbers of a normal distribution, by Box and Muller's transformation. */
function gaussian(n: number, mean: number, deviation: number): Float64Array {
  const [radii, angles] = [draw(n, 0, 1), draw(n, 0, 2 * Math.PI)];
  // 1 - u is never 0.
  return radii.map((u, i) => mean + deviation * Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(angles[i]!));
}

export function uniform(parameter: Parameter, low = 0, high = 1): Parameter {
  return filled(parameter, (n) => draw(n, low, high));
}
export function normal(parameter: Parameter, mean = 0, std = 1): Parameter {
  return filled(parameter, (n) => gaussian(n, mean, std));
}
/** Normal, drawn again where it falls outside [low, high]. */
export function truncNormal(parameter: Parameter, mean = 0, std = 1, low = -2, high = 2): Parameter {
  if (low > mean + 4 * std || high < mean - 4 * std || low >= high)
    throw new InputError(
      `truncNormal: expected a range around the mean ${mean}, got ${low} to ${high}; try a wider one`,
    );
  return filled(parameter, (n) => {
    const values: number[] = [];
    while (values.length < n)
      for (const x of gaussian(n, mean, std)) if (x >= low && x <= high && values.length < n) values.push(x);
    return Float64Array.from(values);
  });
}
export function constant(parameter: Parameter, value: number): Parameter {
  return filled(parameter, (n) => new Float64Array(n).fill(value));
}
export const zeros = (parameter: Parameter): Parameter => constant(parameter, 0);
export const ones = (parameter: Parameter): Parameter => constant(parameter, 1);
/** The identity, of a matrix. */
export function eye(parameter: Parameter): Parameter {
  const [rows, columns] = matrix("eye", parameter);
  return filled(parameter, (n) =>
    Float64Array.from({ length: n }, (_, i) => (Math.floor(i / columns) === i % columns && i < rows * columns ? 1 : 0)),
  );
}

/** Glorot and Bengio (2010): in ±gain √(6 / (fanIn + fanOut)). */
export function xavierUniform(parameter: Parameter, gain = 1): Parameter {
  const { fanIn, fanOut } = fans("xavierUniform", parameter.shape);
  const limit = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform(parameter, -limit, limit);
}
/** The same with a normal distribution: deviation gain √(2 / (fanIn + fanOut)). */
export function xavierNormal(parameter: Parameter, gain = 1): Parameter {
  const { fanIn, fanOut } = fans("xavierNormal", parameter.shape);
  return normal(parameter, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}
export interface KaimingOptions {
  /** Of a leaky ReLU: its negative slope. Default 0. */
  readonly a?: number;
  /** Which sums keep their variance: forward (default) or backward. */
  readonly mode?: "fanIn" | "fanOut";
  /** Default "leakyRelu". */
  readonly nonlinearity?: Nonlinearity;
}
/** He et al. (2015): in ±gain √(3 / fan). */
export function kaimingUniform(parameter: Parameter, options: KaimingOptions = {}): Parameter {
  const limit = Math.sqrt(3) * kaimingDeviation("kaimingUniform", parameter, options);
  return uniform(parameter, -limit, limit);
}
/** The same with a normal distribution: deviation gain / √fan. */
export function kaimingNormal(parameter: Parameter, options: KaimingOptions = {}): Parameter {
  return normal(parameter, 0, kaimingDeviation("kaimingNormal", parameter, options));
}
function kaimingDeviation(where: string, { shape }: Parameter, options: KaimingOptions): number {
  checkOptions(where, options, { a: true, mode: true, nonlinearity: true });
  const { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(where, shape)[mode]);
}

/** By what a layer's deviation should be multiplied to outlast its activation. `param`: the slope of a leaky ReLU (0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + param ** 2));
    case "selu":
      return 3 / 4;
    default:
      return 1;
  }
}

/** Rows (or columns, if there are fewer) that are orthogonal and of length `gain`: Saxe et al. (2013). */
export function orthogonal(parameter: Parameter, gain = 1): Parameter {
  const [rows, columns] = matrix("orthogonal", parameter);
  return filled(parameter, () => {
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
    const vectors: Float64Array[] = [];
    while (vectors.length < count) {
      const v = gaussian(length, 0, 1);
      // Gram and Schmidt, twice for precision.
      for (const other of [...vectors, ...vectors]) {
        const along = v.reduce((sum, x, i) => sum + x * other[i]!, 0);
        for (let i = 0; i < length; i++) v[i]! -= along * other[i]!;
      }
      const norm = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
      vectors.push(v.map((x) => x / norm));
    }
    return Float64Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      return gain * (rows <= columns ? vectors[row]![column]! : vectors[column]![row]!);
    });
  });
}

/** Axis 0 and all others joined. */
function matrix(where: string, { shape }: Parameter): [number, number] {
  if (shape.length < 2)
    throw new ShapeError(`${where}: expected a parameter of two axes or more, got [${shape}]; try normal`);
  return [shape[0]!, size(shape.slice(1))];
}
/** [outputs, inputs, ...kernel] */
function fans(where: string, shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new ShapeError(`${where}: expected a parameter of two axes or more, got [${shape}]; try uniform`);
  const kernel = size(shape.slice(2));
  return { fanIn: shape[1]! * kernel, fanOut: shape[0]! * kernel };
}
