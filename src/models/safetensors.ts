/**
 * Safetensors: the length of a header, the header in JSON, the numbers. Read strictly, and written. Format: the README of
 * huggingface/safetensors.
 */
import { ModelFileError } from "../errors.js";
import { size } from "../ring/index.js";
import { Plaintext } from "../tensor/index.js";
import { brainFloat, halfPrecision } from "./floats.js";
import { brief, parseJson } from "./json.js";
import { checkFileSize, type FileLimits } from "./limits.js";
import { checkedShape } from "./numbers.js";

/** Values by the name of their parameter, as loadStateDict() takes them. */
export type StateDict = Record<string, Plaintext>;

const mostHeader = 100_000_000;
const mostTensors = 50_000;

interface Element {
  readonly bytes: number;
  readonly at: (view: DataView, offset: number) => number;
}
const elements: Readonly<Record<string, Element>> = {
  F64: { bytes: 8, at: (view, i) => view.getFloat64(i, true) },
  F32: { bytes: 4, at: (view, i) => view.getFloat32(i, true) },
  F16: { bytes: 2, at: (view, i) => halfPrecision(view.getUint16(i, true)) },
  BF16: { bytes: 2, at: (view, i) => brainFloat(view.getUint16(i, true)) },
  I64: { bytes: 8, at: (view, i) => Number(view.getBigInt64(i, true)) },
  I32: { bytes: 4, at: (view, i) => view.getInt32(i, true) },
  I16: { bytes: 2, at: (view, i) => view.getInt16(i, true) },
  I8: { bytes: 1, at: (view, i) => view.getInt8(i) },
  U8: { bytes: 1, at: (view, i) => view.getUint8(i) },
  BOOL: { bytes: 1, at: (view, i) => view.getUint8(i) },
};

/** Whether a file begins like one: eight bytes of a length, then JSON. */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && bytes[8] === 0x7b && bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0;

/** Throws ModelFileError for anything but whole, finite arrays that lie side by side. */
export function readSafetensors(bytes: Uint8Array, limits: FileLimits = {}): StateDict {
  const where = "readSafetensors";
  checkFileSize(where, bytes, limits);
  const bad = (expected: string, got: string) =>
    new ModelFileError(`${where}: expected ${expected}, got ${brief(got)}; try saving the file again`);
  if (!isSafetensors(bytes)) throw bad("a safetensors file", "other bytes");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  if (length > mostHeader || 8 + length > bytes.length) throw bad("a header inside the file", `one of ${length} bytes`);
  const header = parseJson(where, new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const start = 8 + length;
  const entries = Object.entries(header as Record<string, unknown>).filter(([name]) => name !== "__metadata__");
  if (entries.length > mostTensors) throw bad(`at most ${mostTensors} tensors`, String(entries.length));
  // All places before any number: arrays that share their bytes would take more memory than the file.
  const places = entries.map(([name, value]) => {
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    const element = typeof dtype === "string" && Object.hasOwn(elements, dtype) ? elements[dtype] : undefined;
    if (!element) throw bad(`numbers in ${name}`, String(dtype));
    if (!Array.isArray(shape) || !Array.isArray(offsets)) throw bad(`a shape and offsets of ${name}`, "others");
    const n = size(checkedShape(`${where}: ${name}`, shape as number[]));
    const [from, to] = offsets as [unknown, unknown];
    const inside = Number.isSafeInteger(from) && Number.isSafeInteger(to) && (from as number) >= 0;
    if (!inside || (to as number) - (from as number) !== n * element.bytes || start + (to as number) > bytes.length)
      throw bad(`${n * element.bytes} bytes for ${name} [${shape}]`, `[${offsets}] of ${bytes.length - start}`);
    return { name, element, n, shape: shape as number[], from: from as number, to: to as number };
  });
  let end = 0;
  for (const { from, to } of places.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < end) throw bad("arrays that do not overlap", "some that do");
    end = to;
  }
  const state = places.map(({ name, element, n, shape, from }) => {
    const data = Float64Array.from({ length: n }, (_, i) => element.at(view, start + from + i * element.bytes));
    return [name, new Plaintext(shape, data)] as const;
  });
  return Object.fromEntries(state);
}

/**
 * A revealed model as a safetensors file of float32.
 *
 * @example await writeFile("model.safetensors", models.writeSafetensors(await model.stateDict(session)));
 */
export function writeSafetensors(
  state: Readonly<StateDict>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { shape, data }] of Object.entries(state)) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + 4 * data.length] };
    end += 4 * data.length;
  }
  const json = JSON.stringify(header);
  // Numbers begin at a multiple of eight bytes.
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(new TextEncoder().encode(json).length / 8) * 8));
  const bytes = new Uint8Array(8 + text.length + end);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length, true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { data } of Object.values(state))
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  return bytes;
}
