/** A run on its way at one party, the proposal it came from and the answers to it. Data only; the steps are in runs.ts. */
import type { OperatorTime, RunStats } from "../engine/index.js";
import { FrameError } from "../errors.js";
import { secureRandom } from "../random/index.js";
import type { Changes } from "./admission.js";
import type { MessageOf, RunKind } from "./control.js";
import type { Dealt } from "./dealt/file.js";
import type { Segment } from "./dealt/files.js";
import type { Part } from "./host.js";
import type { Request } from "./requests.js";

/** What the caller of a run gets from one party. */
export interface Outcome {
  readonly run: number;
  readonly parts: readonly Part[];
  readonly stats: RunStats;
  /** If the caller asked for it. */
  readonly operators?: readonly OperatorTime[];
}

/** A run that this party knows of and that has not finished. */
export interface Entry {
  readonly run: number;
  readonly id: string;
  readonly kind: RunKind;
  readonly args: string;
  readonly grants: readonly string[];
  /** What it takes of what was dealt ahead. */
  readonly segment: Segment | undefined;
  /** The same, once it is used. */
  dealt?: Dealt;
  /** Absent: a checkpoint, or the caller's request never came here. */
  readonly request: Request | undefined;
  /** proposed → ready → accepted → executing → complete, or refused before accepted. */
  state: "proposed" | "ready" | "accepted" | "executing" | "complete" | "refused";
  /** Parties that are ready, and that are complete. */
  readonly ready: Set<number>;
  readonly done: Set<number>;
  changes: Changes;
  outcome?: Outcome;
  /** The version of the variables that the run leaves. */
  version: number;
  timer?: NodeJS.Timeout;
}

export function entryOf(message: MessageOf<"propose">, request: Request | undefined): Entry {
  const { run, request: id, kind, args, grants, segment } = message;
  return {
    ...{ run, id, kind, args, grants, segment, request, state: "proposed" },
    ...{ ready: new Set(), done: new Set(), changes: new Map(), version: 0 },
  };
}

export type Proposal = Omit<MessageOf<"propose">, "type" | "run">;

/** Nobody's request: there is nothing to agree on but the place in the order. */
export const checkpointProposal = (): Proposal => ({
  request: Buffer.from(secureRandom(16)).toString("hex"),
  kind: "checkpoint",
  args: "0".repeat(64),
  grants: [],
});

/** What peers answered to one proposal. */
export interface Answers {
  /** By party, what it is ready for. */
  readonly ready: Map<number, string>;
  refused?: Error;
}

/** Proposals that answers may be ahead of. */
const AHEAD = 64;

/** Answers that came before their proposal: peers hear party 0 at different times. */
export class EarlyAnswers {
  readonly #byRun = new Map<number, Answers>();

  /** The answers to a run above `last`, to add to. */
  to(run: number, last: number, from: string): Answers {
    if (run > last + AHEAD)
      throw new FrameError(`run ${run}: expected an answer to a proposal, got one of ${from} to none`);
    const answers = this.#byRun.get(run) ?? { ready: new Map() };
    this.#byRun.set(run, answers);
    return answers;
  }

  /** Takes the answers to this run out; those to earlier ones are void. */
  take(run: number): Answers | undefined {
    const answers = this.#byRun.get(run);
    for (const passed of [...this.#byRun.keys()]) if (passed <= run) this.#byRun.delete(passed);
    return answers;
  }
}
