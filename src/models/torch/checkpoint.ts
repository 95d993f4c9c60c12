/** State dicts of PyTorch: .pt and .pth archives, or safetensors. What is in the pickle is `unpickle.ts`. */
import { ModelFileError, NameError } from "../../errors.js";
import { size } from "../../ring/index.js";
import { Plaintext } from "../../tensor/index.js";
import { brainFloat, halfPrecision } from "../floats.js";
import { checkFileSize, defaultMaxBytes, type FileLimits } from "../limits.js";
import { checkedShape } from "../numbers.js";
import { isSafetensors, readSafetensors, type StateDict } from "../safetensors.js";
import { isZip, unzip } from "../zip.js";
import { TensorView, type Unpickled, unpickle } from "./unpickle.js";

export interface StateDictOptions extends FileLimits {
  /** Where the state dict lies in a checkpoint with other things: "model_state_dict". */
  readonly key?: string;
}

interface Kind {
  readonly bytes: number;
  readonly at: (view: DataView, i: number) => number;
}
const kinds: Readonly<Record<string, Kind>> = {
  FloatStorage: { bytes: 4, at: (view, i) => view.getFloat32(i, true) },
  DoubleStorage: { bytes: 8, at: (view, i) => view.getFloat64(i, true) },
  HalfStorage: { bytes: 2, at: (view, i) => halfPrecision(view.getUint16(i, true)) },
  BFloat16Storage: { bytes: 2, at: (view, i) => brainFloat(view.getUint16(i, true)) },
  LongStorage: { bytes: 8, at: (view, i) => Number(view.getBigInt64(i, true)) },
  IntStorage: { bytes: 4, at: (view, i) => view.getInt32(i, true) },
  ShortStorage: { bytes: 2, at: (view, i) => view.getInt16(i, true) },
  CharStorage: { bytes: 1, at: (view, i) => view.getInt8(i) },
  ByteStorage: { bytes: 1, at: (view, i) => view.getUint8(i) },
  BoolStorage: { bytes: 1, at: (view, i) => view.getUint8(i) },
};

/**
 * The tensors of a state dict, for loadStateDict(). Nothing of the file is run: its pickle can make tensors and plain containers, and
 * anything else is refused. Throws ModelFileError for a damaged file and for one of a whole model, NameError for a missing key.
 *
 * @example nn.sequential(nn.linear(784, 10)).loadStateDict(models.readStateDict(await readFile("model.pt")));
 */
export function readStateDict(bytes: Uint8Array, options: StateDictOptions = {}): StateDict {
  const where = "readStateDict";
  checkFileSize(where, bytes, options);
  if (isSafetensors(bytes)) return readSafetensors(bytes, options);
  if (!isZip(bytes))
    throw new ModelFileError(
      `${where}: expected a .pt archive or safetensors, got ${bytes[0] === 0x80 ? "PyTorch's old format" : "other bytes"}; try torch.save(torch.load(path), new_path) with PyTorch 1.6 or later`,
    );
  const { maxBytes = defaultMaxBytes } = options;
  const files = unzip(where, bytes, maxBytes, (name) => /(^|\/)(data\.pkl|byteorder|data\/[^/]+)$/.test(name));
  const pickles = [...files.keys()].filter((name) => name.endsWith("data.pkl"));
  if (pickles.length !== 1)
    throw new ModelFileError(`${where}: expected one data.pkl in the archive, got ${pickles.length}; try torch.save`);
  const folder = pickles[0]!.slice(0, -"data.pkl".length);
  const order = files.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() !== "little")
    throw new ModelFileError(`${where}: expected little-endian numbers, got others; try saving on another machine`);
  const root = unpickle(where, files.get(pickles[0]!)!);
  return tensorsOf(where, dictionary(where, root, options.key), folder, files, maxBytes);
}

function dictionary(where: string, root: Unpickled, key: string | undefined): Map<Unpickled, Unpickled> {
  if (!(root instanceof Map))
    throw new ModelFileError(
      `${where}: expected a state dict, got another object; try torch.save(model.state_dict(), path)`,
    );
  if (key !== undefined) {
    const inner = root.get(key);
    if (!(inner instanceof Map))
      throw new NameError(`${where}: expected a dictionary at ${key}, got none; try one of ${names(root)}`);
    return inner;
  }
  if (![...root.values()].every((value) => value instanceof TensorView))
    throw new NameError(
      `${where}: expected tensors only, got a checkpoint with ${names(root)}; try the option key, as { key: "model_state_dict" }`,
    );
  return root;
}
const names = (map: Map<Unpickled, Unpickled>): string =>
  [...map.keys()]
    .filter((key) => typeof key === "string")
    .slice(0, 10)
    .join(", ");

function tensorsOf(
  where: string,
  dict: Map<Unpickled, Unpickled>,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  maxBytes: number,
): StateDict {
  let total = 0;
  // Views may share a storage, but not make much more of it than there is: a stride of 0 would go on for ever.
  const stored = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const most = Math.min(maxBytes, 8 * stored + 2 ** 20);
  const state: [string, Plaintext][] = [];
  for (const [key, value] of dict) {
    if (typeof key !== "string" || !(value instanceof TensorView))
      throw new ModelFileError(`${where}: expected tensors by name, got ${String(key)} of another kind`);
    const { storage, shape, strides, offset } = value;
    const n = size(checkedShape(`${where}: ${key}`, shape));
    const kind = Object.hasOwn(kinds, storage.kind) ? kinds[storage.kind]! : undefined;
    const data = files.get(`${folder}data/${storage.key}`);
    if (!kind || !data || shape.length !== strides.length || data.length !== storage.elements * kind.bytes)
      throw new ModelFileError(
        `${where}: expected ${key} in a storage of ${storage.elements} ${storage.kind}, got another`,
      );
    const last = shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis]!, offset);
    total += n * kind.bytes;
    if ((n > 0 && last >= storage.elements) || total > most)
      throw new ModelFileError(
        `${where}: expected ${key} [${shape}] inside its ${storage.elements} elements, got more`,
      );
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const numbers = new Float64Array(n);
    const index = shape.map(() => 0);
    for (let i = 0; i < n; i++) {
      const place = strides.reduce((sum, step, axis) => sum + step * index[axis]!, offset);
      numbers[i] = kind.at(view, place * kind.bytes);
      for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
    }
    state.push([key, new Plaintext(shape, numbers)]);
  }
  return Object.fromEntries(state);
}
