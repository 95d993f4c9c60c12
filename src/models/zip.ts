/**
 * Archives that model files are, unpacked within a limit. By hand, since sizes in an archive are claims: many entries may name the same
 * bytes, and a deflated stream goes on for as long as it likes. Format: APPNOTE.TXT of PKWARE; deflate is fflate's. No checksums.
 */
import { Inflate } from "fflate";
import { ModelFileError } from "../errors.js";

const mostFiles = 100_000;
/** Deflate makes at most so many bytes of one. */
const mostExpansion = 1032;
/** Compressed bytes between two looks at what came out. */
const step = 2 ** 11;

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  /** Of the local header. */
  readonly at: number;
  /** Of its bytes. */
  readonly start: number;
}

/**
 * Files of an archive by name, of those that are wanted: together at most `maxBytes`. Throws ModelFileError before more than that is
 * unpacked, and for entries that overlap, are encrypted, or are not as long as they say.
 */
export function unzip(
  where: string,
  bytes: Uint8Array,
  maxBytes: number,
  wanted: (name: string) => boolean,
): Map<string, Uint8Array> {
  const bad = (expected: string, got: string, cause?: unknown) =>
    new ModelFileError(`${where}: expected ${expected}, got ${got}`, { cause });
  try {
    const entries = directory(bytes, bad).filter(({ name }) => wanted(name));
    if (new Set(entries.map(({ name }) => name)).size < entries.length) throw bad("each file once", "one twice");
    if (entries.reduce((sum, { size }) => sum + size, 0) > maxBytes)
      throw bad(`at most ${maxBytes} unpacked bytes`, "more; try the option maxBytes if you trust the file");
    let end = 0;
    for (const { at, start, packed } of entries.toSorted((a, b) => a.at - b.at)) {
      if (at < end) throw bad("files that do not overlap in the archive", "some that do");
      end = start + packed;
    }
    return new Map(entries.map((entry) => [entry.name, unpacked(bytes, entry, bad)]));
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    throw bad("a whole zip archive", (error as Error).message, error);
  }
}
type Bad = (expected: string, got: string) => ModelFileError;

/** The entries of the directory at the archive's end. Throws RangeError where it points outside. */
function directory(bytes: Uint8Array, bad: Bad): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => u32(at) + 2 ** 32 * u32(at + 4);
  const expect = (at: number, mark: number) => {
    if (u32(at) !== mark) throw bad("a whole zip archive", "other bytes where a header belongs");
  };
  // Behind it, at most a comment.
  let end = bytes.length - 22;
  while (end >= 0 && end >= bytes.length - 22 - 0xffff && u32(end) !== 0x06054b50) end--;
  expect(end, 0x06054b50);
  let [count, at] = [u16(end + 10), u32(end + 16)];
  if (count === 0xffff || at === 0xffffffff) {
    expect(end - 20, 0x07064b50);
    const large = u64(end - 12);
    expect(large, 0x06064b50);
    [count, at] = [u64(large + 32), u64(large + 48)];
  }
  if (count > mostFiles) throw bad(`at most ${mostFiles} files in the archive`, `${count}`);
  return Array.from({ length: count }, () => {
    expect(at, 0x02014b50);
    if (u16(at + 8) & 1) throw bad("files that are not encrypted", "an encrypted one");
    const fields = at + 46;
    const [nameBytes, extraBytes] = [u16(at + 28), u16(at + 30)];
    const name = new TextDecoder().decode(bytes.subarray(fields, fields + nameBytes));
    let [size, packed, local] = [u32(at + 24), u32(at + 20), u32(at + 42)];
    for (let i = fields + nameBytes; i + 4 <= fields + nameBytes + extraBytes; i += 4 + u16(i + 2)) {
      // Where 32 bits do not hold a number, 64 follow, in this order.
      if (u16(i) !== 1) continue;
      let next = i + 4;
      const wide = (value: number) => {
        if (value !== 0xffffffff) return value;
        next += 8;
        return u64(next - 8);
      };
      [size, packed, local] = [wide(size), wide(packed), wide(local)];
    }
    const entry = { name, method: u16(at + 10), packed, size, at: local };
    at = fields + nameBytes + extraBytes + u16(at + 32);
    expect(local, 0x04034b50);
    const start = local + 30 + u16(local + 26) + u16(local + 28);
    if (start + packed > bytes.length) throw bad("files inside the archive", "one beyond its end");
    return { ...entry, start };
  });
}

function unpacked(bytes: Uint8Array, { method, packed, size, start }: Entry, bad: Bad): Uint8Array {
  const data = bytes.subarray(start, start + packed);
  const isStored = method === 0;
  if (!isStored && method !== 8) throw bad("files that are stored or deflated", `method ${method}`);
  if (isStored ? packed !== size : size > mostExpansion * packed + 64)
    throw bad(`a file of ${size} bytes`, `${packed} in the archive`);
  if (isStored) return data;
  const result = new Uint8Array(size);
  let end = 0;
  const inflate = new Inflate((chunk) => {
    if (end + chunk.length > size) throw bad(`a file of ${size} unpacked bytes`, "more");
    result.set(chunk, end);
    end += chunk.length;
  });
  for (let at = 0; at < packed; at += step) inflate.push(data.subarray(at, at + step), at + step >= packed);
  if (end !== size) throw bad(`a file of ${size} unpacked bytes`, `${end}`);
  return result;
}
