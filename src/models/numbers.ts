/**
 * Public arrays as model files hold them: weights before they are shared, shapes, indices, constants. Nothing secret, and no
 * arithmetic, which is in `onnx/fold.ts`.
 */
import { ModelFileError } from "../errors.js";
import { checkShape, formatShape, type Shape, size } from "../ring/index.js";
import { type Nested, Plaintext, type Values } from "../tensor/index.js";

export class Numbers {
  constructor(
    readonly shape: Shape,
    readonly data: Float64Array,
    /** Whole numbers and bits are structure: positions, lengths, conditions. They are never shared. */
    readonly kind: "float" | "int" | "bool" = "float",
    /** Whether it is part of what was trained, and so becomes a secret parameter where it meets a secret. */
    readonly trained = false,
  ) {}

  static ints(values: readonly number[], shape: Shape = [values.length]): Numbers {
    return new Numbers(shape, Float64Array.from(values), "int");
  }

  get size(): number {
    return this.data.length;
  }
  /** The only number; undefined if there are several. */
  get only(): number | undefined {
    return this.data.length === 1 ? this.data[0] : undefined;
  }
  /** In the form that tensors take: a number, or nested arrays. */
  values(): Values {
    return new Plaintext(this.shape, this.data).toArray() as Nested as Values;
  }
}

/** Elements of one array in a file: a weight of 2^28 words would not fit into a party's memory. */
export const mostElements = 2 ** 28;

/** Throws ModelFileError for a shape that is none or too large. */
export function checkedShape(where: string, shape: Shape): Shape {
  try {
    checkShape(shape, where);
  } catch (error) {
    throw new ModelFileError(`${where}: ${(error as Error).message}`, { cause: error });
  }
  if (size(shape) > mostElements)
    throw new ModelFileError(
      `${where}: expected at most ${mostElements} elements, got ${formatShape(shape)}; try a smaller model`,
    );
  return shape;
}
