/** Opens a data file and picks the reader by its content, not by its name. The only part of data/ that touches files. */
import { InputError, SecretgradError } from "../errors.js";
import { checkOptions } from "../options.js";
import type { ArrayData } from "./readers.js";
import { type CsvOptions, readCsv } from "./readers-csv.js";
import { readIdx } from "./readers-idx.js";
import { isNpy, readNpy } from "./readers-npy.js";

export interface OpenFileOptions {
  /** Limit of the file and of what is unpacked from it; default 1 GiB. */
  readonly maxBytes?: number;
  /** For text files. */
  readonly csv?: Omit<CsvOptions, "file">;
}

const MAX_BYTES = 2 ** 30;

/** Reads .npy, IDX or CSV, also packed by gzip. */
export async function openFile(path: string, options: OpenFileOptions = {}): Promise<ArrayData> {
  checkOptions("openFile", options, { maxBytes: true, csv: true });
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  let bytes: Uint8Array = await load(path, maxBytes);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    // Loaded when needed, so that the readers of bytes work where there are no files.
    const [{ promisify }, { gunzip }] = await Promise.all([import("node:util"), import("node:zlib")]);
    try {
      bytes = await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
    } catch (cause) {
      throw new InputError(
        `${path}: expected gzip data of at most ${maxBytes} bytes unpacked, got more or a damaged file; try gunzip or a larger maxBytes`,
        { cause },
      );
    }
  }
  return readBytes(bytes, { ...options.csv, file: path });
}

/** The same for bytes that are already there (not gzip). */
export function readBytes(bytes: Uint8Array, options: CsvOptions = {}): ArrayData {
  const where = options.file ?? "readBytes";
  if (isNpy(bytes)) return readNpy(bytes, options);
  if (bytes[0] === 0 && bytes[1] === 0) return readIdx(bytes, options);
  // No text contains a zero byte; UTF-16 does, and so does nearly every binary format.
  if (bytes.length === 0 || bytes.subarray(0, 65536).includes(0))
    throw new InputError(
      `${where}: expected .npy, IDX or CSV, got ${bytes.length === 0 ? "an empty file" : "another format"}`,
    );
  return readCsv(bytes, options);
}

async function load(path: string, maxBytes: number): Promise<Uint8Array> {
  const { open } = await import("node:fs/promises");
  try {
    const file = await open(path, "r");
    try {
      const info = await file.stat();
      if (!info.isFile() || info.size > maxBytes)
        throw new InputError(
          `${path}: expected a file of at most ${maxBytes} bytes, got ${info.isFile() ? info.size : "something else"}; try a larger maxBytes`,
        );
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof SecretgradError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new InputError(`${path}: expected a file that can be read, got ${code}; try another path`, { cause });
  }
}
