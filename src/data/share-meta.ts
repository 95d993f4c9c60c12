/**
 * What is public about a shared dataset, its validation, and the digest of an upload. Not the sharing itself, and not
 * where a party keeps it. Parties and owners both work with this file, so that they cannot disagree.
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { InputError } from "../errors.js";

const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const identity = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name like alice"));

/** Words of one dataset: 2^40 bytes at each party, and every word offset is a safe integer by far. */
const LARGEST_DATASET = 2 ** 37;

/** Validates what comes from outside: every field is listed, nothing else is accepted. */
export const datasetMeta = v.pipe(
  v.strictObject({
    /** "owner/name" */
    name: v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "a name like alice/images"),
    ),
    owner: identity,
    rows: positive,
    /** Shape of one row; [] if a row is one number. */
    rowShape: v.pipe(v.array(positive), v.maxLength(8)),
    /** Fraction bits: the real number is word / 2^scale. */
    scale: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(61)),
    /** |word| < 2^bound; the owner declares it, the sharing checks it. */
    bound: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(62)),
    ring: v.literal(64),
    protocol: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/, "a protocol like rep3")),
    /** In the order of their indices. */
    parties: v.pipe(v.array(identity), v.minLength(1), v.maxLength(16)),
    format: v.picklist(["fixed", "integer"]),
    /** Whether the party that gets this copy of the meta stores the correction, or seeds only. */
    keepsCorrection: v.boolean(),
    /** 16 random bytes, equal at all parties: tells two uploads of one name apart. */
    uploadId: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "32 hex digits")),
  }),
  v.check((meta) => meta.name.startsWith(`${meta.owner}/`), "the owner's name in front of the dataset's"),
  v.check((meta) => new Set(meta.parties).size === meta.parties.length, "each party once"),
  v.check((meta) => meta.format === "fixed" || meta.scale === 0, "scale 0 for integers"),
  v.check((meta) => meta.rows * rowWords(meta) <= LARGEST_DATASET, `at most ${LARGEST_DATASET} words`),
);
export type DatasetMeta = v.InferOutput<typeof datasetMeta>;

/** Words of one row. */
export function rowWords(meta: { readonly rowShape: readonly number[] }): number {
  return meta.rowShape.reduce((product, length) => product * length, 1);
}

/** Checks a meta from outside; `where` names its origin in the error. */
export function parseDatasetMeta(value: unknown, where = "dataset meta"): DatasetMeta {
  const result = v.safeParse(datasetMeta, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? "the top";
  const expected = issue.type === "check" || issue.type === "regex" ? issue.message : (issue.expected ?? issue.message);
  const got = issue.type === "check" ? "something else" : issue.received;
  throw new InputError(`${where}: expected ${expected} at ${path}, got ${got}`);
}

/** The meta as bytes that are equal wherever it is equal: fields in one order. */
function canonical(meta: DatasetMeta, keepsCorrection: boolean): string {
  const { name, owner, rows, rowShape, scale, bound, ring, protocol, parties, format, uploadId } = meta;
  return JSON.stringify([
    ...[name, owner, rows, rowShape, scale, bound, ring, protocol, parties, format],
    ...[keepsCorrection, uploadId],
  ]);
}

/**
 * SHA-256 in hex of what must be equal at all parties (everything but `keepsCorrection`): parties compare it before a
 * dataset is used.
 */
export function metaDigest(meta: DatasetMeta): string {
  return createHash("sha256").update("secretgrad dataset meta\n").update(canonical(meta, false)).digest("hex");
}

/** SHA-256 in hex of everything that one party gets: meta, seeds, and the SHA-256 of the correction (of nothing, if none). */
export function uploadDigest(meta: DatasetMeta, seeds: readonly Uint8Array[], correctionHash: Uint8Array): string {
  const hash = createHash("sha256").update("secretgrad dataset upload\n");
  hash.update(`${canonical(meta, meta.keepsCorrection)}\n${seeds.length}\n`);
  for (const seed of seeds) hash.update(seed);
  return hash.update(correctionHash).digest("hex");
}

/** The same while the correction arrives piece by piece. */
export class UploadDigest {
  readonly #meta: DatasetMeta;
  readonly #seeds: readonly Uint8Array[];
  readonly #hash = createHash("sha256");

  constructor(meta: DatasetMeta, seeds: readonly Uint8Array[]) {
    this.#meta = meta;
    // The caller may reuse its buffers. Not slice(): Buffer's shares memory.
    this.#seeds = seeds.map((seed) => new Uint8Array(seed));
  }

  /** The next bytes of the correction. */
  update(correction: Uint8Array): void {
    this.#hash.update(correction);
  }

  /** Ends it: the digest of everything, in hex, and that of the correction, which parties can compare. */
  end(): { readonly hex: string; readonly correction: Uint8Array } {
    const correction = this.#hash.digest();
    return { hex: uploadDigest(this.#meta, this.#seeds, correction), correction };
  }
}
