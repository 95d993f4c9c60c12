/**
 * What a party keeps on its disk: datasets, checkpoints and journals, sealed under the operator's storage key. Not the
 * decisions on what to keep; the formats are described in seal.ts and journal.ts.
 */
export { type CheckpointEntry, CheckpointStore } from "./checkpoints.js";
export { DatasetStore, type DatasetStoreOptions, type StoredDataset, type UploadInfo } from "./datasets.js";
export type { SealedFile } from "./file.js";
export { Journal } from "./journal.js";
export { resolveUpload, type UploadState } from "./resolution.js";
export { type CreateOptions, KEY_BYTES, type Stage, Vault, type VaultOptions } from "./vault.js";
export type { SealedWriter } from "./writer.js";
