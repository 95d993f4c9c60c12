/** Temporary directories, keys, metas and small uploads for the storage tests; no tests here. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type DatasetMeta, uploadDigest } from "../../../src/data/share-meta.js";
import { type DatasetStore, Vault } from "../../../src/party/storage/index.js";

export const KEY = new Uint8Array(32).fill(7);

/** A directory that goes away with the test. */
export function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openVault(t: TestContext, directory = temporary(t)): Vault {
  const vault = new Vault(directory, KEY);
  t.after(() => vault.close());
  return vault;
}

/** Bytes that differ everywhere, but are the same in every test. */
export function pattern(length: number, seed = 1): Uint8Array {
  let state = seed * 2654435761;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

export function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

export function metaOf(name: string, changes: Partial<DatasetMeta> = {}): DatasetMeta {
  return {
    name,
    owner: name.split("/")[0]!,
    rows: 50,
    rowShape: [10, 10],
    scale: 16,
    bound: 31,
    ring: 64,
    protocol: "rep3",
    parties: ["p0", "p1", "p2"],
    format: "fixed",
    keepsCorrection: true,
    uploadId: "00112233445566778899aabbccddeeff",
    ...changes,
  };
}

export const SEEDS = [pattern(16, 2)];
export const CORRECTION = pattern(50 * 100 * 8, 3);

export function digestOf(meta: DatasetMeta, seeds = SEEDS, correction = CORRECTION): string {
  return uploadDigest(meta, seeds, createHash("sha256").update(correction).digest());
}

/** Everything up to, but not including, the commit. */
export function fill(store: DatasetStore, name: string, meta = metaOf(name)): void {
  store.begin(meta, meta.owner, SEEDS);
  const half = 8 * 2500;
  store.append(name, 0, CORRECTION.subarray(0, half));
  store.append(name, 2500, CORRECTION.subarray(half));
}
