/** File operations that are on the disk when they return, and system errors as StorageErrors. Knows no encryption. */
import { closeSync, fsync, fsyncSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { dirname, sep } from "node:path";
import { SecretgradError, StorageError } from "../../errors.js";

/** Files of a party are nobody else's business. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** A file as messages name it, for they go to callers: its folder and name. Where the data directory lies is not their business. */
export function shown(path: string): string {
  return path.split(sep).slice(-2).join("/");
}

/** Says which file, what failed and the system's code; the system's own message stays in `cause`. Ours pass unchanged. */
export function systemError(path: string, action: string, error: unknown): SecretgradError {
  if (error instanceof SecretgradError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  const hint = code === "ENOSPC" || code === "EDQUOT" ? "making room on the disk" : "checking the disk and permissions";
  return new StorageError(`${shown(path)}: expected to ${action} it, got ${code}; try ${hint}`, { cause: error });
}

/** A rename, creation or removal survives a power cut only after its directory is synced. */
export function syncDirectory(directory: string): void {
  // Windows cannot open directories; NTFS journals renames by itself.
  if (process.platform === "win32") return;
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** fsync in the thread pool: hundreds of megabytes must not stop this party's rounds. */
export function syncFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fsync(fd, (error) => (error ? reject(error) : resolve())));
}

/** writeSync may write less than asked. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}

/** The same from byte `position` of the file. */
export function writeAllAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/** Fills `target` from byte `position` of the file; false if the file ends before. */
export function readFully(fd: number, target: Uint8Array, position: number): boolean {
  for (let at = 0; at < target.length; ) {
    const count = readSync(fd, target, at, target.length - at, position + at);
    if (count === 0) return false;
    at += count;
  }
  return true;
}

/** Moves a file that is already synced to its final name. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncDirectory(dirname(to));
}

/** Writes a small file so that either the old or the new contents are there after a crash. */
export function replaceDurably(temporary: string, path: string, bytes: Uint8Array): void {
  const fd = openSync(temporary, "w", FILE_MODE);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameDurably(temporary, path);
}
