/**
 * What a data owner does with the parties: shares data, looks at plans that want to use it, and approves their reveals.
 * Not a driver: an owner computes nothing here and sees no result.
 */
import * as v from "valibot";
import { type DatasetMeta, type RowSource, type ShareOptions, shareDataset } from "../data/index.js";
import { InputError, NameError, PeerLostError, SessionEndedError } from "../errors.js";
import { checkOptions, type Names } from "../options.js";
import { decodePlan, type Link, type Plan } from "../plan/index.js";
import type { ProtocolDefinition } from "../protocol/index.js";
import { secureRandom } from "../random/index.js";
import { callAll, type PartyCaller } from "./caller.js";
import { describePlan, type PlanDescription } from "./describe.js";
import { type GrantInfo, type GrantLimits, grantsFor, type NewGrant, readGrants } from "./granting.js";
import { commonDatasets, commonVariables, parse } from "./listings.js";
import { uploaderTo } from "./uploader.js";

export interface OwnerOptions {
  readonly definition: ProtocolDefinition;
  readonly parties: readonly PartyCaller[];
  /** "alice": whose certificate the parties see. */
  readonly name: string;
  readonly close?: () => Promise<void>;
}

export type ShareDatasetOptions = Pick<ShareOptions, "format" | "scale" | "bound" | "told" | "onProgress" | "signal">;

export const shareNames: Names<ShareDatasetOptions> = {
  format: true,
  scale: true,
  bound: true,
  told: true,
  onProgress: true,
  signal: true,
};
const limitNames: Names<GrantLimits> = { release: true, minRows: true, to: true, times: true, expires: true };

export interface WatchOptions extends GrantLimits {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly onGrant?: (plan: PlanDescription) => void;
  /** A plan that does not fit the limits; told once. */
  readonly onSkip?: (plan: PlanDescription, reason: string) => void;
  /** A party cannot be reached; told once, and tried again. */
  readonly onProblem?: (error: Error) => void;
  /** After a problem: all parties answer again. */
  readonly onRecovery?: () => void;
  readonly everyMs?: number;
}

const plansAnswer = v.object({ plans: v.array(v.object({ digest: v.string() })) });
type IdentifiedGrant = NewGrant & { readonly id: string };
const tryAgain = "try `secretgrad plan`, or ask the driver to run it again: parties forget plans when they restart";
const noParams = () => ({ params: {} });

export class Owner {
  readonly name: string;

  constructor(readonly options: OwnerOptions) {
    this.name = options.name;
  }

  /** Shares rows under "name" or "owner/name"; resolves when all parties have them for good. */
  async share(name: string, source: RowSource, options: ShareDatasetOptions = {}): Promise<DatasetMeta> {
    checkOptions("share", options, shareNames);
    const { definition, parties } = this.options;
    const full = name.includes("/") ? name : `${this.name}/${name}`;
    if (!full.startsWith(`${this.name}/`))
      throw new InputError(
        `share ${name}: expected a name of ${this.name}'s, got another owner's; try ${this.name}/${name.split("/")[1]}`,
      );
    // Training sessions work with 20 fraction bits, which costs a dataset nothing.
    const scale = options.scale ?? (options.format === "integer" ? 0 : 20);
    const names = parties.map((party) => party.name);
    return shareDataset(source, { ...options, scale, name: full, definition, parties: names }, uploaderTo(parties));
  }

  /** Every owner's datasets that all parties hold. */
  async datasets(): Promise<DatasetMeta[]> {
    return commonDatasets(this.options.parties, await this.#all("dataset.list", noParams));
  }
  async remove(name: string): Promise<void> {
    await this.#all("dataset.remove", () => ({ params: { name } }));
  }

  /** Digests of the plans that drivers have sent to any party since it started; of each party the 5000 used last. */
  async plans(): Promise<string[]> {
    const answers = await this.#all("plan.list", noParams);
    const lists = answers.map(({ result }, i) =>
      parse(plansAnswer, result, `plan.list of ${this.options.parties[i]!.name}`),
    );
    return [...new Set(lists.flatMap(({ plans }) => plans.map(({ digest }) => digest)))].sort();
  }

  /** The plan with this digest, or with the only digest that begins so. Throws NameError for one that no party knows (any more). */
  async plan(digest: string): Promise<Plan> {
    const found = digest.length === 64 ? [digest] : (await this.plans()).filter((each) => each.startsWith(digest));
    if (found.length !== 1)
      throw new NameError(
        `plan ${digest}: expected the beginning of one digest, got that of ${found.length} plans; ${found.length > 1 ? "try more of it" : tryAgain}`,
      );
    return this.#fetch(found[0]!);
  }
  async describe(plan: Plan, link?: Link): Promise<PlanDescription> {
    const variables = commonVariables(this.options.parties, await this.#all("variable.list", noParams));
    return describePlan(plan, this.options.definition, variables, link);
  }

  /** Approves reveals of a plan at all parties. Throws if nothing in it fits the limits. */
  async grant(digest: string, limits: GrantLimits = {}): Promise<GrantInfo[]> {
    checkOptions("grant", limits, limitNames);
    const plan = await this.plan(digest);
    const grants = grantsFor(await this.describe(plan), this.name, limits);
    if (grants.every(({ objection }) => objection !== undefined))
      throw new InputError(
        `grant ${plan.digest.slice(0, 12)}: expected a reveal that fits, got ${grants.map(({ label, objection }) => `${label} (${objection})`).join(", ") || "none of your data"}`,
      );
    return this.approve(grants.flatMap(({ grant }) => grant ?? []));
  }

  /**
   * Approves every plan of which all reveals fit the limits, each by its digest, until the signal. A party that is down
   * for a while does not end it.
   */
  async watch(options: WatchOptions): Promise<void> {
    checkOptions("watch", options, {
      ...limitNames,
      signal: true,
      onGrant: true,
      onSkip: true,
      onProblem: true,
      onRecovery: true,
      everyMs: true,
    });
    const seen = new Set<string>();
    const begun = new Map<string, readonly IdentifiedGrant[]>();
    let problem: string | undefined;
    while (!options.signal.aborted) {
      try {
        for (const digest of await this.plans()) {
          if (seen.has(digest)) continue;
          await this.#judge(digest, options, begun);
          seen.add(digest);
        }
        if (problem !== undefined) options.onRecovery?.();
        problem = undefined;
      } catch (error) {
        // A party that is down, or one that forgot a plan while we asked for it.
        const passing = [PeerLostError, SessionEndedError, NameError].some((kind) => error instanceof kind);
        if (!passing || !(error instanceof Error)) throw error;
        if (error.message !== problem) options.onProblem?.(error);
        problem = error.message;
      }
      await pause(options.everyMs ?? 150, options.signal);
    }
  }

  async #judge(digest: string, options: WatchOptions, begun: Map<string, readonly IdentifiedGrant[]>): Promise<void> {
    const description = await this.describe(await this.#fetch(digest));
    const grants = grantsFor(description, this.name, options);
    const objections = grants.flatMap(({ label, objection }) => (objection ? [`${label}: ${objection}`] : []));
    if (objections.length > 0) options.onSkip?.(description, objections.join("; "));
    else if (grants.length > 0) {
      let own = begun.get(digest);
      if (!own) {
        // What the owner took back stays so when the watch is started again.
        if ((await this.grants()).some((grant) => grant.digest === digest && grant.revoked))
          return options.onSkip?.(description, "you revoked a grant for it");
        own = identified(grants.flatMap(({ grant }) => grant ?? []));
        begun.set(digest, own);
      }
      await this.#give(own);
      begun.delete(digest);
      options.onGrant?.(description);
    }
  }

  /** Gives grants as they are to all parties. */
  async approve(grants: readonly NewGrant[]): Promise<GrantInfo[]> {
    const made = identified(grants);
    await this.#give(made);
    return made.map((grant) => ({ ...grant, owner: this.name, left: grant.times, revoked: false }));
  }

  /** The same again is no second grant. */
  async #give(grants: readonly IdentifiedGrant[]): Promise<void> {
    for (const grant of grants) await this.#all("grant.put", () => ({ params: grant }));
  }

  /** This owner's grants, with the uses that are left at the party that counts fewest. */
  async grants(): Promise<GrantInfo[]> {
    return readGrants(this.options.parties, await this.#all("grant.list", noParams)).filter(
      ({ owner }) => owner === this.name,
    );
  }
  /** The grant with this id, or with the only one that begins so; returns the whole id. Throws NameError. */
  async revoke(id: string): Promise<string> {
    // A whole one is revoked wherever it is known: a party that hides a grant must not keep it alive.
    const found = /^[0-9a-f]{32}$/.test(id)
      ? [id]
      : (await this.grants()).flatMap((grant) => (id !== "" && grant.id.startsWith(id) ? grant.id : []));
    if (found.length !== 1)
      throw new NameError(
        `grant ${id}: expected the beginning of one of ${this.name}'s grants, got that of ${found.length}; try \`secretgrad grants\``,
      );
    await this.#all("grant.revoke", () => ({ params: { id: found[0]! } }));
    return found[0]!;
  }

  async close(): Promise<void> {
    await this.options.close?.();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toString(): string {
    return `Owner(${this.name} at ${this.options.parties.map(({ name }) => name).join(", ")})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** From whichever party has it: the digest says whether it is the right one. */
  async #fetch(digest: string): Promise<Plan> {
    let reason: unknown;
    for (const party of this.options.parties) {
      try {
        const { body } = await party.call("plan.get", { digest });
        const plan = decodePlan(body);
        if (plan.digest === digest) return plan;
      } catch (error) {
        reason = error;
      }
    }
    if (reason instanceof PeerLostError) throw reason;
    throw new NameError(
      `plan ${digest.slice(0, 12)}: expected it at one of the parties, got it from none; ${tryAgain}`,
      { cause: reason },
    );
  }

  #all(method: string, make: () => { params: unknown }) {
    return callAll(this.options.parties, method, make);
  }
}

function identified(grants: readonly NewGrant[]): IdentifiedGrant[] {
  return grants.map((grant) => ({ id: Buffer.from(secureRandom(16)).toString("hex"), ...grant }));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
