/** Pieces of the schemas by which parameters, control messages and journal records are validated; not the schemas. */
import { createHash } from "node:crypto";
import * as v from "valibot";

/** SHA-256 in hex: digests of plans, arguments and metas. */
export const digestHex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"));
/** 16 random bytes in hex: requests, uploads, grants. */
export const idHex = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "32 hex digits"));
/** Labels, slots, variables and releases, as plans spell them. */
export const planName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:/-]{1,200}$/, "a name of a plan"));
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
