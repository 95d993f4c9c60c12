/**
 * The IDX format of MNIST (http://yann.lecun.com/exdb/mnist): two zero bytes, element type, number of axes, then the
 * lengths and the elements, all big-endian. Reads bytes, not files, and not gzip: see readers-file.ts.
 */
import { InputError } from "../errors.js";
import { type ArrayData, checkClaim, checkFinite, elements, type ReadOptions } from "./readers.js";

export function readIdx(bytes: Uint8Array, options: ReadOptions = {}): ArrayData {
  const where = options.file ?? "readIdx";
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    throw new InputError(`${where}: expected an IDX file, got other bytes; try gunzip if it ends in .gz`);
  const [type, axes] = [bytes[2]!, bytes[3]!];
  const start = 4 + 4 * axes;
  if (bytes.length < start)
    throw new InputError(`${where}: expected ${axes} axes in the header, got a file of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const count = (size: number): number => checkClaim(where, shape, size, bytes.length - start);
  switch (type) {
    case 0x08:
      return { shape, values: elements(Uint8Array, bytes, start, count(1), 1, true), kind: "integer" };
    case 0x09:
      return { shape, values: elements(Int8Array, bytes, start, count(1), 1, true), kind: "integer" };
    case 0x0b:
      return { shape, values: elements(Int16Array, bytes, start, count(2), 2, true), kind: "integer" };
    case 0x0c:
      return { shape, values: elements(Int32Array, bytes, start, count(4), 4, true), kind: "integer" };
    case 0x0d:
    case 0x0e: {
      const values =
        type === 0x0d
          ? elements(Float32Array, bytes, start, count(4), 4, true)
          : elements(Float64Array, bytes, start, count(8), 8, true);
      checkFinite(where, shape, values);
      return { shape, values, kind: "float" };
    }
    default:
      throw new InputError(`${where}: expected an IDX element type 8, 9, 11, 12, 13 or 14, got ${type}`);
  }
}
