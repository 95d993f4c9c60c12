/**
 * The public surface of src/data: files of numbers, what an owner does with them, sharing them; and what a driver sees of
 * shared data: datasets, batches of rows, releases.
 */
export { type Batch, type BatchOptions, batches } from "./batches.js";
export { Dataset } from "./dataset.js";
export type { ArrayData, NumericArray, ReadOptions } from "./readers.js";
export { type CsvData, type CsvOptions, readCsv } from "./readers-csv.js";
export { type OpenFileOptions, openFile, readBytes } from "./readers-file.js";
export { readIdx } from "./readers-idx.js";
export { readNpy } from "./readers-npy.js";
export { count, meanLoss, type Release } from "./release.js";
export { type ShareOptions, shareDataset, type Uploader } from "./share.js";
export {
  type DatasetMeta,
  datasetMeta,
  metaDigest,
  parseDatasetMeta,
  rowWords,
  UploadDigest,
  uploadDigest,
} from "./share-meta.js";
export {
  columns,
  normalize,
  oneHot,
  type RowSource,
  reshape,
  rows,
  rowsOf,
  scale,
  type Transform,
  transform,
} from "./transforms.js";
