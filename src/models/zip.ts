/** Archives that model files are, unpacked within a limit. */
import { unzipSync } from "fflate";
import { ModelFileError } from "../errors.js";

const mostFiles = 100_000;

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3;

/** Files of an archive by name, of those that are wanted. Together at most `maxBytes`, whatever the archive says of their sizes. */
export function unzip(
  where: string,
  bytes: Uint8Array,
  maxBytes: number,
  wanted: (name: string) => boolean,
): Map<string, Uint8Array> {
  let [total, files] = [0, 0];
  const names = new Set<string>();
  try {
    const unpacked = unzipSync(bytes, {
      filter({ name, originalSize }) {
        if (++files > mostFiles)
          throw new ModelFileError(`${where}: expected at most ${mostFiles} files in the archive, got more`);
        if (!wanted(name)) return false;
        if (names.has(name)) throw new ModelFileError(`${where}: expected each file once, got ${name} twice`);
        names.add(name);
        total += originalSize;
        if (total > maxBytes)
          throw new ModelFileError(
            `${where}: expected at most ${maxBytes} unpacked bytes, got more; try the option maxBytes if you trust the file`,
          );
        return true;
      },
    });
    return new Map(Object.entries(unpacked));
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    throw new ModelFileError(`${where}: expected a whole zip archive, got ${(error as Error).message}`, {
      cause: error,
    });
  }
}
