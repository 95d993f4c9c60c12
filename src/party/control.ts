/**
 * What parties say to each other outside of runs: the messages, their schemas and their encoding. Not what is done with
 * them: session.ts hands each to the part of the party that it concerns.
 */
import * as v from "valibot";
import { FrameError } from "../errors.js";
import { type Reason, reasons } from "../serving/wire.js";
import { identityName } from "./cluster.js";
import {
  byName,
  datasetName,
  digestHex,
  faultSchema,
  idHex,
  issueText,
  natural,
  positive,
  runNumber,
} from "./schemas.js";
import { modelName } from "./serving/deployment.js";
import { deploymentStates } from "./serving/deployments.js";

const runKind = v.picklist(["plan", "remove", "checkpoint", "deploy", "withdraw"]);

/** The longest lists. What fills them is bounded where it comes in, far below. */
const listed = 100_000;
const mostRanges = 1_000_000;
/** Messages of one frame. */
export const mostMessages = 1000;
/** Grants that pay for one run. */
export const mostGrantsOfRun = 1000;

const runs = v.pipe(v.array(runNumber), v.maxLength(listed));
const ranges = v.pipe(v.array(v.tuple([runNumber, runNumber])), v.maxLength(mostRanges));

/** One dataset as a party has it; `digest` is that of its meta, which covers the upload. */
const uploadState = v.strictObject({ state: v.picklist(["uploading", "prepared", "published"]), digest: digestHex });

const messages = v.variant("type", [
  /** First message of a session: what this party holds. */
  v.strictObject({
    type: v.literal("sync"),
    /** The next run number that this party has surely never used. */
    nextRun: runNumber,
    /** Runs whose results this party holds in memory. */
    versions: runs,
    /** Runs whose results it holds on disk. */
    checkpoints: runs,
    /** A hash of the coin that orders rows, if it has one. */
    coin: v.optional(digestHex),
    datasets: byName(datasetName, uploadState, listed),
    /** Served models. */
    deployments: deploymentStates,
    grants: v.pipe(
      v.array(
        v.strictObject({
          id: idHex,
          revoked: v.boolean(),
          /** Runs it was spent for and runs whose spending was taken back, as ascending [first, last] pairs. */
          spent: ranges,
          refunded: ranges,
        }),
      ),
      v.maxLength(listed),
    ),
  }),
  /** Second message: what this party concludes from all first ones. Must be equal at all. */
  v.strictObject({ type: v.literal("agree"), base: runNumber, nextRun: runNumber, state: digestHex }),

  /** The caller's request is here, or was refused here. `inputs` proves equal seeds to the receiver (pieces.ts). */
  v.strictObject({
    type: v.literal("have"),
    request: idHex,
    args: digestHex,
    inputs: digestHex,
    refused: v.optional(faultSchema),
  }),
  /** Party 0: the request does not become a run. */
  v.strictObject({ type: v.literal("drop"), request: idHex, fault: faultSchema }),
  /** Party 0: the request becomes this run, paid with these grants. */
  v.strictObject({
    type: v.literal("propose"),
    run: runNumber,
    request: idHex,
    kind: runKind,
    args: digestHex,
    grants: v.pipe(v.array(idHex), v.maxLength(mostGrantsOfRun)),
    /** What the run takes of what was dealt ahead. */
    segment: v.optional(v.strictObject({ file: idHex, number: natural })),
  }),
  /** The run is allowed here and its grants are spent. */
  v.strictObject({ type: v.literal("ready"), run: runNumber, request: idHex, args: digestHex }),
  /** The run is not allowed here; it ends before it began. */
  v.strictObject({
    type: v.literal("refuse"),
    run: runNumber,
    fault: faultSchema,
    /** The first segment that was never used here, if it is above the one that was proposed. */
    next: v.optional(natural),
  }),
  /** The run is complete here. */
  v.strictObject({ type: v.literal("done"), run: runNumber }),
  /** The variables after this run are on disk here. */
  v.strictObject({ type: v.literal("saved"), run: runNumber }),
  /** To party 0: somebody wants a checkpoint. */
  v.strictObject({ type: v.literal("want") }),

  /** To party 0: this party has its part of a client's query. `tags` prove equal pieces, by party (serving/queries.ts). */
  v.strictObject({
    type: v.literal("query"),
    id: idHex,
    model: modelName,
    version: runNumber,
    client: identityName,
    tags: v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/, "64 hex digits or nothing"))),
      v.maxLength(16),
    ),
  }),
  /** The query has no answer: from party 0 to all, or from one that refuses it to party 0. */
  v.strictObject({
    type: v.literal("over"),
    id: idHex,
    reason: v.picklist(Object.keys(reasons) as Reason[]),
    text: v.pipe(v.string(), v.maxLength(1000)),
  }),
  /** Party 0: these queries are one request to run the model's plan for so many rows. */
  v.strictObject({
    type: v.literal("batch"),
    request: idHex,
    model: modelName,
    version: runNumber,
    rows: positive,
    queries: v.pipe(v.array(idHex), v.minLength(1), v.maxLength(1024)),
    clients: v.pipe(v.array(identityName), v.minLength(1), v.maxLength(1024)),
  }),

  /** To the dealer: what this party has taken of what it was dealt, since it last said so. */
  v.strictObject({ type: v.literal("took"), bytes: natural, frames: natural }),

  /** Nothing to say, but still there. */
  v.strictObject({ type: v.literal("ping") }),
  /** Asks what a peer has of a dataset. */
  v.strictObject({ type: v.literal("ask"), ask: positive, name: datasetName }),
  v.strictObject({ type: v.literal("answer"), ask: natural, state: v.optional(uploadState) }),
]);

export type Message = v.InferOutput<typeof messages>;
export type MessageOf<T extends Message["type"]> = Extract<Message, { type: T }>;
export type RunKind = v.InferOutput<typeof runKind>;

/** Messages of one moment travel as one frame, in order. */
export function encodeMessages(batch: readonly Message[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(batch));
}

const batches = v.pipe(v.array(messages), v.minLength(1), v.maxLength(mostMessages));

/** Throws FrameError for anything that this version would not have written. */
export function decodeMessages(bytes: Uint8Array, from: string): Message[] {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Without the cause, which quotes what came.
    throw new FrameError(`control message from ${from}: expected JSON, got other bytes; try the same release`);
  }
  const result = v.safeParse(batches, json);
  if (!result.success)
    throw new FrameError(`control message from ${from}: ${issueText(result.issues[0])}; try the same release`);
  return result.output;
}
