/** What becomes of an upload that was prepared but not published when somebody crashed: a pure rule, no I/O. */

/** What one party says of a dataset name. `digest` is the metaDigest, which covers the upload id. */
export interface UploadState {
  readonly state: "uploading" | "prepared" | "published";
  readonly digest: string;
}

/**
 * The uploader publishes only after all have prepared. So if any has published, or all have prepared, the data are whole
 * everywhere: publish. If a peer has nothing of this upload, it never will: abort. If a peer is still receiving, keep
 * what is there and ask again. All parties that see the same states decide the same.
 */
export function resolveUpload(
  own: UploadState,
  peers: readonly (UploadState | undefined)[],
): "publish" | "abort" | "keep" {
  const same = peers.map((peer) => (peer?.digest === own.digest ? peer.state : undefined));
  if (own.state !== "prepared") return "keep";
  if (same.includes("published")) return "publish";
  if (same.includes(undefined)) return "abort";
  return same.includes("uploading") ? "keep" : "publish";
}
