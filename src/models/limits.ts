/** How large a model file may be before anything of it is read, and what its weights may be. Not what parties allow. */
import { ModelFileError, ScaleError } from "../errors.js";
import * as nn from "../nn/index.js";
import type { Shape } from "../ring/index.js";

export interface FileLimits {
  /** Bytes of the file, and of what it unpacks to. Default 512 MiB. */
  readonly maxBytes?: number;
}
export const defaultMaxBytes = 2 ** 29;

export function checkFileSize(where: string, bytes: Uint8Array, { maxBytes = defaultMaxBytes }: FileLimits): void {
  if (!(bytes instanceof Uint8Array))
    throw new ModelFileError(`${where}: expected the bytes of a file, got ${typeof bytes}; try await readFile(path)`);
  if (bytes.length > maxBytes)
    throw new ModelFileError(
      `${where}: expected at most ${maxBytes} bytes, got ${bytes.length}; try the option maxBytes if you trust the file`,
    );
}

/** Variables are declared to stay below 2^15. */
const largestWeight = 2 ** 15;

/** Throws ScaleError, naming the weight, for one that fixed point cannot hold. */
export function checkWeights(name: string, data: Float64Array): Float64Array {
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!(Math.abs(value) < largestWeight))
      throw new ScaleError(
        `${name}: expected weights below 2^15 in magnitude, got ${value} at position ${i}; try to train or scale the layer anew`,
      );
  }
  return data;
}

/** A parameter that begins with a file's numbers. Throws ScaleError for one that cannot be shared. */
export function weight(name: string, shape: Shape, data: Float64Array): nn.Parameter {
  checkWeights(name, data);
  return new nn.Parameter(shape, () => data);
}

/** What layers are called at the parties: letters, digits and "_.:/-" of the file's name. */
export function partyName(name: string): string {
  const clean = name.replace(/[^A-Za-z0-9_.:/-]/g, "_").replace(/^[/.]+/, "");
  return clean.length > 100 ? `${clean.slice(0, 60)}_${clean.slice(-39)}` : clean || "_";
}
