/** Where a party's storage key comes from: a file, the environment, never from beside the data it protects. */
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { InputError } from "../src/errors.js";

const keyBytes = 32;

/** `file`: as asked for; `usual`: tried if nothing else is given. */
export async function readStorageKey(
  file: string | undefined,
  usual: string,
  dataDirectory: string,
): Promise<Uint8Array> {
  const fromEnvironment = process.env.SECRETGRAD_STORAGE_KEY;
  if (file === undefined && fromEnvironment !== undefined) {
    const key = Buffer.from(fromEnvironment, "base64");
    if (key.length !== keyBytes)
      throw new InputError(
        `SECRETGRAD_STORAGE_KEY: expected ${keyBytes} bytes in base64, got ${key.length}; try openssl rand -base64 32`,
      );
    return new Uint8Array(key);
  }
  const path = file ?? usual;
  try {
    const { mode, size } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new InputError(
        `${path}: expected a key that only you can read, got mode ${(mode & 0o777).toString(8)}; try chmod 600 ${path}`,
      );
    if (size !== keyBytes)
      throw new InputError(
        `${path}: expected a file of ${keyBytes} bytes, got ${size}; try openssl rand -out ${path} 32`,
      );
    await expectOutside(path, dataDirectory);
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new InputError(
      `${path}: expected a storage key, got ${code}; try --storage-key FILE or SECRETGRAD_STORAGE_KEY`,
      { cause },
    );
  }
}

async function expectOutside(path: string, directory: string): Promise<void> {
  let inside: string;
  try {
    inside = relative(await realpath(directory), await realpath(dirname(path)));
  } catch {
    return; // the data directory does not exist yet
  }
  if (inside === "" || !(inside.startsWith("..") || inside.startsWith("/")))
    throw new InputError(
      `${path}: expected the storage key apart from the data in ${directory}, got it inside; try another place`,
    );
}
