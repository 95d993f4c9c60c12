/** The calls that upload a dataset, for data/share.ts, which decides their order. */
import type { DatasetMeta, Uploader } from "../data/index.js";
import type { PartyCaller } from "./caller.js";

export function uploaderTo(parties: readonly PartyCaller[], options: { readonly timeoutMs?: number } = {}): Uploader {
  const call = async (party: number, method: string, params: unknown, body?: Uint8Array): Promise<void> => {
    await parties[party]!.call(method, params, body, options);
  };
  return {
    begin: (party: number, meta: DatasetMeta, seeds: readonly Uint8Array[]) =>
      call(party, "dataset.begin", { meta }, Buffer.concat(seeds)),
    append: (party, name, offset, words) => call(party, "dataset.append", { name, offset }, words),
    commit: (party, name, digest) => call(party, "dataset.commit", { name, digest }),
    publish: (party, name) => call(party, "dataset.publish", { name }),
    abort: (party, name) => call(party, "dataset.abort", { name }),
  };
}
