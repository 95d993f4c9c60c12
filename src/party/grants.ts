/**
 * What owners have approved and how often it was used: durable, spent before a run begins, merged with the peers' books
 * at the start of a session. Not the decision what a plan needs, which is policy.ts.
 */
import * as v from "valibot";
import { GrantMissingError, NameError, PolicyError } from "../errors.js";
import { type Caller, identityName } from "./cluster.js";
import type { Requirement } from "./policy.js";
import { RunSet } from "./run-set.js";
import { canonical, digestHex, idHex, natural, planName, positive, runNumber } from "./schemas.js";
import type { Journal } from "./stores.js";

export const grantSchema = v.strictObject({
  /** 16 random bytes of the owner, so that the parties mean the same grant. */
  id: idHex,
  /** Of the plan. */
  digest: digestHex,
  /** Label of the reveal, or "*" for all of the plan with this release. */
  reveal: v.union([planName, v.literal("*")]),
  release: planName,
  /** The reveal pools at least so many rows. */
  minRows: natural,
  /** Nobody else may get the value. */
  recipients: v.pipe(v.array(identityName), v.minLength(1), v.maxLength(100)),
  /** Runs. */
  times: v.pipe(positive, v.maxValue(2 ** 31)),
  expires: v.pipe(v.string(), v.isoTimestamp()),
});
export type Grant = v.InferOutput<typeof grantSchema>;

const ranges = v.array(v.tuple([runNumber, runNumber]));
export const grantRecord = v.variant("type", [
  v.strictObject({ type: v.literal("put"), owner: identityName, grant: grantSchema }),
  v.strictObject({ type: v.literal("revoke"), id: idHex }),
  v.strictObject({ type: v.literal("spend"), run: runNumber, ids: v.array(idHex) }),
  v.strictObject({ type: v.literal("refund"), run: runNumber, ids: v.array(idHex) }),
  v.strictObject({ type: v.literal("merge"), id: idHex, revoked: v.boolean(), spent: ranges, refunded: ranges }),
]);
export type GrantRecord = v.InferOutput<typeof grantRecord>;

interface Held {
  readonly owner: string;
  readonly grant: Grant;
  revoked: boolean;
  readonly spent: RunSet;
  readonly refunded: RunSet;
}
/** What a party tells its peers about one grant. */
export interface GrantUse {
  readonly id: string;
  readonly revoked: boolean;
  readonly spent: [number, number][];
  readonly refunded: [number, number][];
}
export interface GrantInfo extends Grant {
  readonly owner: string;
  readonly left: number;
  readonly revoked: boolean;
}

/** Grants at one time: of an owner, of an owner for one plan, of all. */
const MOST_OF_OWNER = 10_000;
const MOST_OF_PLAN = 1000;
const MOST = 100_000;
/** Records that are worth a rewrite at the start. */
const COMPACT_ABOVE = 1000;
const FORGET_MS = 30 * 24 * 3_600_000;

export class Grants {
  readonly #journal: Journal<GrantRecord>;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();

  constructor(journal: Journal<GrantRecord>, now: () => number) {
    this.#journal = journal;
    this.#now = now;
    for (const record of journal.records()) this.#apply(record);
    this.#compact();
  }

  put(owner: string, grant: Grant): void {
    const known = this.#held.get(grant.id);
    if (known) {
      // The same again is a retry, after one of the parties was not reached.
      if (known.owner === owner && !known.revoked && canonical(known.grant) === canonical(grant)) return;
      throw new NameError(`grant ${grant.id}: expected a new id, got one that is taken; try a fresh random id`);
    }
    if (expired(grant, this.#now()))
      throw new PolicyError(`grant: expected a time in the future, got ${grant.expires}; try --expires 30d`);
    const own = [...this.#held.values()].filter((each) => each.owner === owner);
    const ofPlan = own.filter((each) => each.grant.digest === grant.digest);
    if (own.length >= MOST_OF_OWNER || ofPlan.length >= MOST_OF_PLAN || this.#held.size >= MOST)
      throw new PolicyError(
        `grant: expected at most ${MOST_OF_OWNER} grants of ${owner}, ${MOST_OF_PLAN} for one plan and ${MOST} of all owners, got one more; try --times or one grant for all reveals`,
      );
    this.#write({ type: "put", owner, grant });
  }

  revoke(owner: string, id: string): void {
    const known = this.#held.get(id);
    if (!known || known.owner !== owner)
      throw new NameError(`grant ${id}: expected one of ${owner}'s grants, got none; try \`secretgrad grants\``);
    if (!known.revoked) this.#write({ type: "revoke", id });
  }

  /** The grants that concern somebody: an owner's own, or the newest that let one learn something. */
  list({ name, role }: Caller): GrantInfo[] {
    const held = [...this.#held.values()].filter(({ owner, grant }) =>
      role === "owner" ? owner === name : grant.recipients.includes(name),
    );
    return held.slice(-MOST_OF_OWNER).map((held) => ({
      ...held.grant,
      owner: held.owner,
      left: left(held),
      revoked: held.revoked,
    }));
  }

  /** Grants that together allow the plan's reveals, one use of each. Throws PolicyError saying what is missing. */
  choose(digest: string, requirements: readonly Requirement[]): string[] {
    const chosen = new Set<string>();
    const missing: Requirement[] = [];
    const ofPlan = [...this.#held.values()].filter(({ grant }) => grant.digest === digest);
    for (const requirement of requirements) {
      const candidates = ofPlan.filter((held) => this.#objection(held, digest, requirement) === undefined);
      if (candidates.length === 0) missing.push(requirement);
      if (candidates.length === 0 || candidates.some((held) => chosen.has(held.grant.id))) continue;
      // What would be lost first.
      candidates.sort((a, b) => (a.grant.expires < b.grant.expires ? -1 : a.grant.expires > b.grant.expires ? 1 : 0));
      chosen.add(candidates[0]!.grant.id);
    }
    if (missing.length > 0) throw this.#missing(digest, missing);
    return [...chosen];
  }

  /** Throws PolicyError unless these very grants, as this party knows them, allow the reveals. */
  check(ids: readonly string[], digest: string, requirements: readonly Requirement[]): void {
    for (const requirement of requirements) {
      const allowed = ids.some((id) => {
        const held = this.#held.get(id);
        return held && this.#objection(held, digest, requirement) === undefined;
      });
      if (!allowed) throw this.#missing(digest, [requirement]);
    }
  }

  /** Durable when it returns; only then may the run begin. */
  spend(run: number, ids: readonly string[]): void {
    if (ids.length > 0) this.#write({ type: "spend", run, ids: [...ids] });
  }
  /** The run never began at any party. */
  refund(run: number, ids: readonly string[]): void {
    if (ids.length > 0) this.#write({ type: "refund", run, ids: [...ids] });
  }

  uses(): GrantUse[] {
    return [...this.#held.values()].map(({ grant, revoked, spent, refunded }) => ({
      id: grant.id,
      revoked,
      spent: spent.ranges,
      refunded: refunded.ranges,
    }));
  }

  /** Takes over what a peer has spent, refunded and revoked. New grants come from their owners only, never from a peer. */
  merge(uses: readonly GrantUse[]): void {
    for (const use of uses) {
      const held = this.#held.get(use.id);
      if (!held) continue;
      const spent = new RunSet();
      spent.addAll(held.spent.ranges);
      const refunded = new RunSet();
      refunded.addAll(held.refunded.ranges);
      const news = [spent.addAll(use.spent), refunded.addAll(use.refunded), use.revoked && !held.revoked];
      if (news.includes(true)) for (const record of mergeRecords(use)) this.#write(record);
    }
  }

  #write(record: GrantRecord): void {
    this.#journal.append(record);
    this.#apply(record);
  }

  /** Years of training leave a record for each run; a grant needs two. Expired grants are forgotten. */
  #compact(): void {
    if (this.#journal.length <= 2 * this.#held.size + COMPACT_ABOVE) return;
    for (const [id, { grant }] of this.#held)
      if (Date.parse(grant.expires) + FORGET_MS < this.#now()) this.#held.delete(id);
    this.#journal.rewrite(
      [...this.#held.values()].flatMap(({ owner, grant, revoked, spent, refunded }): GrantRecord[] => [
        { type: "put", owner, grant },
        ...mergeRecords({ id: grant.id, revoked, spent: spent.ranges, refunded: refunded.ranges }),
      ]),
    );
  }

  #apply(record: GrantRecord): void {
    if (record.type === "put") {
      const { owner, grant } = record;
      this.#held.set(grant.id, { owner, grant, revoked: false, spent: new RunSet(), refunded: new RunSet() });
      return;
    }
    for (const id of "ids" in record ? record.ids : [record.id]) {
      const held = this.#held.get(id);
      if (!held) continue;
      if (record.type === "spend") held.spent.add(record.run);
      else if (record.type === "refund") held.refunded.add(record.run);
      else if (record.type === "revoke") held.revoked = true;
      else {
        held.revoked ||= record.revoked;
        held.spent.addAll(record.spent);
        held.refunded.addAll(record.refunded);
      }
    }
  }

  /** Why this grant does not allow this reveal; undefined if it does. */
  #objection({ owner, grant, revoked, ...held }: Held, digest: string, need: Requirement): string | undefined {
    if (owner !== need.owner || grant.digest !== digest) return "of another owner or plan";
    if (grant.reveal !== "*" && grant.reveal !== need.label) return `for reveal "${grant.reveal}"`;
    if (grant.release !== need.release) return `for release ${grant.release}`;
    if (grant.minRows > need.rows) return `for at least ${grant.minRows} rows`;
    const stranger = need.recipients.find((recipient) => !grant.recipients.includes(recipient));
    if (stranger !== undefined) return `for ${grant.recipients.join(", ")} but not ${stranger}`;
    if (revoked) return "that was revoked";
    if (expired(grant, this.#now())) return `that expired at ${grant.expires}`;
    if (left({ grant, ...held }) <= 0) return `that was used ${grant.times} times`;
    return undefined;
  }

  /** Tells the first in full, and all whose grants are missing: who asks them one by one asks as many times. */
  #missing(digest: string, needs: readonly Requirement[]): GrantMissingError {
    const need = needs[0]!;
    const others = [...new Set(needs.map(({ owner }) => owner))].filter((owner) => owner !== need.owner);
    const near = [...this.#held.values()]
      .filter((held) => held.owner === need.owner && held.grant.digest === digest)
      .map((held) => this.#objection(held, digest, need))
      .filter((objection) => objection !== undefined);
    const got = near.length > 0 ? `one ${near.at(-1)}` : "none";
    const prefix = digest.slice(0, 12);
    const via = need.via();
    const source = via === undefined ? need.source : `${need.source}, which arrives by ${via.replace(":", " ")}`;
    return new GrantMissingError(
      `plan ${prefix}: expected a grant by ${need.owner} (source ${source}) for reveal "${need.label}" (release ${need.release}${need.rows > 0 ? ` of ${need.rows} rows` : ""} to ${need.recipients.join(", ")})${others.length > 0 ? `, and by ${others.join(", ")}` : ""}, got ${got}; try \`secretgrad grant ${prefix}${need.release === "open" ? " --release open" : ""} --times N\` as ${[need.owner, ...others].join(", as ")}`,
    );
  }
}

/** A time that cannot be read ("+02" for "+02:00" passes the schema) is over, not far away. */
function expired({ expires }: Grant, now: number): boolean {
  return !(Date.parse(expires) > now);
}

function left({ grant, spent, refunded }: Pick<Held, "grant" | "spent" | "refunded">): number {
  return Math.max(0, grant.times - (spent.size - spent.common(refunded)));
}

/** Runs that alternate between grants leave a range each; a journal record holds 1 MiB at most. */
const MOST_RANGES = 10_000;

/** What a peer or an older journal knows of a grant, in records of bounded size; together they say the same. */
function mergeRecords({ id, revoked, spent, refunded }: GrantUse): GrantRecord[] {
  const records: GrantRecord[] = [];
  for (let at = 0; at === 0 || at < Math.max(spent.length, refunded.length); at += MOST_RANGES)
    records.push({
      type: "merge",
      id,
      revoked,
      spent: spent.slice(at, at + MOST_RANGES),
      refunded: refunded.slice(at, at + MOST_RANGES),
    });
  return records;
}
