/**
 * From an owner's limits and a plan's description to grants, or to the reason why not. Not the parties' own check, which
 * is made again at every run.
 */
import * as v from "valibot";
import { InputError } from "../errors.js";
import type { CallResult, PartyCaller } from "./caller.js";
import type { PlanDescription } from "./describe.js";
import { parse } from "./listings.js";

/** What an owner allows. What is left out is not limited, but a value as it is ("open") must be allowed by name. */
export interface GrantLimits {
  /** Default: the pooled releases, count and meanLoss. */
  readonly release?: readonly string[];
  /** Fewest rows that a pooled number must cover. Default 1; there is none for "open". */
  readonly minRows?: number;
  /** Who may learn it. Default: whoever the plan names. */
  readonly to?: readonly string[];
  /** Runs. Default 1. */
  readonly times?: number;
  /** Default: in 30 days. */
  readonly expires?: Date;
}

export interface NewGrant {
  readonly digest: string;
  readonly reveal: string;
  readonly release: string;
  readonly minRows: number;
  readonly recipients: readonly string[];
  readonly times: number;
  readonly expires: string;
}
export interface GrantInfo extends NewGrant {
  readonly id: string;
  readonly owner: string;
  /** Uses. */
  readonly left: number;
  readonly revoked: boolean;
}

const pooled = ["count", "meanLoss"];
const days30 = 30 * 24 * 3_600_000;

/** One entry for each reveal that concerns the owner: the grant, or what speaks against it. */
export function grantsFor(
  plan: PlanDescription,
  owner: string,
  limits: GrantLimits,
): { label: string; grant?: NewGrant; objection?: string }[] {
  const { release = pooled, minRows, to, times = 1 } = limits;
  const expires = limits.expires ?? new Date(Date.now() + days30);
  if (!Number.isSafeInteger(times) || times < 1)
    throw new InputError(`grant: expected a number of times of at least 1, got ${times}`);
  if (Number.isNaN(expires.getTime()))
    throw new InputError("grant: expected an expiry date, got none; try 30d or 2030-01-31");
  const concerned = plan.reveals.filter(
    ({ owners, sources }) => owners.includes(owner) || sources.some((source) => source.startsWith("variable:")),
  );
  return concerned.map((reveal) => {
    const { label, recipients, rows } = reveal;
    const stranger = to && recipients.find((recipient) => !to.includes(recipient));
    const fewest = reveal.release === "open" ? 0 : (minRows ?? 1);
    let objection: string | undefined;
    if (!release.includes(reveal.release)) objection = `release ${reveal.release} is not among ${release.join(", ")}`;
    else if (rows < fewest) objection = `${rows} rows are fewer than ${fewest}`;
    else if (stranger !== undefined) objection = `${stranger} is not among ${to!.join(", ")}`;
    if (objection !== undefined) return { label, objection };
    const { digest } = plan;
    const grant = {
      digest,
      reveal: label,
      release: reveal.release,
      minRows: fewest,
      recipients,
      times,
      expires: expires.toISOString(),
    };
    return { label, grant };
  });
}

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const answer = v.object({
  grants: v.array(
    v.object({
      id: v.string(),
      owner: v.string(),
      digest: v.string(),
      reveal: v.string(),
      release: v.string(),
      minRows: natural,
      recipients: v.array(v.string()),
      times: natural,
      expires: v.string(),
      left: natural,
      revoked: v.boolean(),
    }),
  ),
});

const same = (a: GrantInfo, b: GrantInfo): boolean =>
  JSON.stringify({ ...a, left: 0, revoked: false }) === JSON.stringify({ ...b, left: 0, revoked: false });

/** Grants that all parties hold alike, but for their uses. */
export function readGrants(parties: readonly Pick<PartyCaller, "name">[], answers: readonly CallResult[]): GrantInfo[] {
  const lists = answers.map(({ result }, i) => parse(answer, result, `grant.list of ${parties[i]!.name}`).grants);
  return lists[0]!.flatMap((grant) => {
    const all = lists.map((list) => list.find(({ id }) => id === grant.id));
    if (!all.every((each) => each && same(each, grant))) return [];
    return [{ ...grant, left: Math.min(...all.map((each) => each!.left)), revoked: all.some((each) => each!.revoked) }];
  });
}
