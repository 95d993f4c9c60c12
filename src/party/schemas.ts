/** Pieces of the schemas by which parameters, control messages and journal records are validated; not the schemas. */
import { createHash } from "node:crypto";
import * as v from "valibot";

/** SHA-256 in hex: digests of plans, arguments and metas. */
export const digestHex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"));
/** 16 random bytes in hex: requests, uploads, grants. */
export const idHex = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "32 hex digits"));
/** Labels, slots, variables and releases, as plans spell them. */
export const planName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:/-]{1,200}$/, "a name of a plan"));
/** Run-time numbers of one plan, each of which is a node of its own. */
export const mostScalars = 10_000;
/** "alice/images" */
export const datasetName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "a name like alice/images"),
);
export const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** Run numbers enter the nonces with 48 bits. */
export const runNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 48 - 1));
/** What an error looks like on its way to another party (net/wire-errors.ts). */
export const faultSchema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(64)),
  message: v.pipe(v.string(), v.maxLength(4096)),
  peer: v.optional(v.pipe(v.string(), v.maxLength(1000))),
});

/**
 * An object with names of peers' or users' choice as keys. Not v.record(), which drops those that objects inherit: "constructor" is a
 * name like others.
 */
export const byName = <Value extends v.GenericSchema>(name: v.GenericSchema<string>, value: Value, most: number) =>
  v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(isPlainObject, "an object"),
    v.transform((object) => Object.entries(object)),
    v.array(v.tuple([name, value])),
    v.maxLength(most),
    // Defines members, and so sets no prototype.
    v.transform((entries): Record<string, v.InferOutput<Value>> => Object.fromEntries(entries)),
  );
const isPlainObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** The owner's part of a dataset name. */
export const ownerOf = (dataset: string): string => dataset.slice(0, dataset.indexOf("/"));

/** Says where and what, without the value: parameters may be secret. */
export function issueText(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  // Received literals are quoted by valibot; only kinds of values may go into a message.
  const got = /^(?:"|\d|-)/.test(issue.received) ? "another value" : issue.received;
  const expected = issue.type === "regex" ? issue.message : (issue.expected ?? issue.message);
  return `expected ${expected} at ${path ?? "the top"}, got ${got}`;
}

/** JSON with sorted keys: equal values have equal text at all parties. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    item !== null && typeof item === "object" && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : item,
  );
}

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
