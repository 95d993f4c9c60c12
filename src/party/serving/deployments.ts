/**
 * Which models are served here and how often they were asked: durable, agreed with the peers at the start of a session. Not
 * the queries themselves, see queries.ts, nor what is demanded of a deployment, see deployment.ts.
 */
import * as v from "valibot";
import { NameError, StorageError } from "../../errors.js";
import { isLimited } from "../../serving/policy.js";
import { identityName } from "../cluster.js";
import type { Logger } from "../logger.js";
import type { KnownPlan, Plans } from "../plans.js";
import { byName, canonical, digestHex, natural, positive, runNumber, sha256 } from "../schemas.js";
import type { Journal } from "../stores.js";
import {
  type Asked,
  type Deployment,
  type DeploymentDescription,
  deploymentDescription,
  modelName,
  Usage,
} from "./deployment.js";

const used = byName(identityName, natural, 10_000);
export const servingRecord = v.variant("type", [
  v.strictObject({
    type: v.literal("deploy"),
    version: runNumber,
    owner: identityName,
    description: deploymentDescription,
  }),
  /** A piece of a plan of the deployment before it. */
  v.strictObject({
    type: v.literal("plan"),
    version: runNumber,
    rows: positive,
    bytes: v.pipe(v.string(), v.base64()),
  }),
  v.strictObject({ type: v.literal("live"), version: runNumber }),
  v.strictObject({ type: v.literal("gone"), version: runNumber }),
  /** How often these clients have asked since the deployment. */
  v.strictObject({ type: v.literal("used"), version: runNumber, used }),
]);
export type ServingRecord = v.InferOutput<typeof servingRecord>;

/** What a party tells its peers about one deployment. */
export const deploymentState = v.strictObject({ version: runNumber, digest: digestHex, live: v.boolean(), used });
export type DeploymentState = v.InferOutput<typeof deploymentState>;
export const deploymentStates = byName(modelName, deploymentState, 1000);

/** A journal record holds 1 MiB at most, and base64 takes a third more. */
const PIECE = 512 * 1024;
/** Records of counts that are worth a rewrite. */
const COMPACT_ABOVE = 10_000;
const MOST_DEPLOYMENTS = 100;

export class Deployments {
  readonly #journal: Journal<ServingRecord>;
  readonly #plans: Plans;
  readonly #known = new Map<string, Deployment>();

  constructor(journal: Journal<ServingRecord>, plans: Plans) {
    this.#journal = journal;
    this.#plans = plans;
    this.#load();
    this.#compact(1000);
  }

  /** A model that is served; undefined if there is none of this name. */
  live(name: string): Deployment | undefined {
    const known = this.#known.get(name);
    return known?.live ? known : undefined;
  }
  list(): Deployment[] {
    return [...this.#known.values()].filter(({ live }) => live);
  }

  /** Throws NameError if the name is taken. */
  checkName(name: string): void {
    if (this.#known.has(name))
      throw new NameError(`deploy: expected a new name, got ${name}, which is served; try withdrawing it first`);
    if (this.#known.size >= MOST_DEPLOYMENTS)
      throw new NameError(`deploy: expected at most ${MOST_DEPLOYMENTS} models, got one more; try withdrawing some`);
  }

  /** Durable when it returns, but not served yet: peers may refuse. */
  prepare(
    version: number,
    owner: string,
    description: DeploymentDescription,
    plans: ReadonlyMap<number, KnownPlan>,
  ): void {
    const made: Deployment = { version, owner, description, plans, live: false, used: new Usage() };
    this.#known.set(description.name, made);
    try {
      for (const record of recordsOf(made)) this.#journal.append(record);
    } catch (error) {
      this.#known.delete(description.name);
      this.#recover();
      throw error;
    }
  }

  /** All parties have it. */
  publish(version: number): void {
    const made = this.#of(version);
    if (!made || made.live) return;
    this.#journal.append({ type: "live", version });
    made.live = true;
  }

  /** It is not served here any more, or never was. */
  remove(version: number): void {
    const made = this.#of(version);
    if (!made) return;
    this.#known.delete(made.description.name);
    this.#journal.append({ type: "gone", version });
  }

  /** Counts queries; durable when it returns, where anything limits them. Only then may the run begin. */
  spend({ deployment, clients }: Asked): void {
    this.#count(deployment, clients, 1);
  }
  /** The run never began at any party. */
  refund({ deployment, clients }: Asked): void {
    this.#count(deployment, clients, -1);
  }

  states(): Record<string, DeploymentState> {
    return Object.fromEntries(
      [...this.#known.values()].map(({ version, owner, description, live, used }) => [
        description.name,
        { version, digest: sha256(canonical({ owner, description })), live, used: used.toJSON() },
      ]),
    );
  }

  /** Brings this party to the common state: what all hold is served, if any party has served it. Counts are the highest. */
  settle(peers: readonly Readonly<Record<string, DeploymentState>>[], log: Logger): void {
    const own = this.states();
    for (const made of [...this.#known.values()]) {
      const { name } = made.description;
      const { version, digest } = own[name]!;
      const theirs = peers.map((peer) => (Object.hasOwn(peer, name) ? peer[name] : undefined));
      const same = theirs.filter((each) => each?.version === version && each.digest === digest);
      if (same.length < peers.length || !(made.live || same.some((each) => each!.live))) {
        log.warn("a model is not deployed at all parties and is dropped", { model: name });
        this.remove(version);
        continue;
      }
      this.publish(version);
      const higher = new Map<string, number>();
      for (const each of same)
        for (const [client, count] of Object.entries(each!.used))
          if (count > Math.max(made.used.of(client), higher.get(client) ?? 0)) higher.set(client, count);
      this.#set(made, higher);
    }
  }

  #of(version: number): Deployment | undefined {
    return [...this.#known.values()].find((made) => made.version === version);
  }

  #count(deployment: Deployment, clients: readonly string[], by: number): void {
    const changed = new Map<string, number>();
    for (const client of clients)
      changed.set(client, Math.max(0, (changed.get(client) ?? deployment.used.of(client)) + by));
    this.#set(deployment, changed);
  }

  #set(deployment: Deployment, counts: ReadonlyMap<string, number>): void {
    if (counts.size === 0) return;
    const { version, description, used } = deployment;
    if (isLimited(description.policy)) {
      this.#compact(COMPACT_ABOVE);
      this.#journal.append({ type: "used", version, used: Object.fromEntries(counts) });
    }
    for (const [client, count] of counts) used.set(client, count);
  }

  #load(): void {
    const pieces = new Map<string, Uint8Array[]>();
    const made = new Map<number, Extract<ServingRecord, { type: "deploy" }>>();
    const live = new Set<number>();
    const counts = new Map<number, Map<string, number>>();
    for (const record of this.#journal.records()) {
      const { version } = record;
      if (record.type === "deploy") made.set(version, record);
      else if (record.type === "plan") {
        const key = `${version} ${record.rows}`;
        pieces.set(key, [...(pieces.get(key) ?? []), Buffer.from(record.bytes, "base64")]);
      } else if (record.type === "live") live.add(version);
      else if (record.type === "gone") made.delete(version);
      else counts.set(version, new Map([...(counts.get(version) ?? []), ...Object.entries(record.used)]));
    }
    for (const [version, { owner, description }] of made) {
      const whole = description.batches.every(({ rows }) => pieces.has(`${version} ${rows}`));
      if (!whole) continue; // cut off by a crash before anybody was told
      const plans = new Map(
        description.batches.map(({ rows, digest }) => {
          const plan = this.#plans.load(Buffer.concat(pieces.get(`${version} ${rows}`)!));
          if (plan.digest !== digest)
            throw new StorageError(`model ${description.name}: expected its plan for ${rows} rows, got another`);
          return [rows, plan];
        }),
      );
      const used = new Usage(counts.get(version));
      this.#known.set(description.name, { version, owner, description, plans, live: live.has(version), used });
    }
  }

  #compact(above: number): void {
    if (this.#journal.length > above + 16 * this.#known.size) this.#journal.rewrite(this.#records());
  }

  /** After a failed append nothing may be built on the journal's end; a new file may still find room. */
  #recover(): void {
    try {
      this.#journal.rewrite(this.#records());
    } catch {
      // Then the next append says so.
    }
  }

  #records(): ServingRecord[] {
    return [...this.#known.values()].flatMap((made) => {
      const { version, live, used } = made;
      return [
        ...recordsOf(made),
        ...(live ? [{ type: "live" as const, version }] : []),
        ...(used.total > 0 ? [{ type: "used" as const, version, used: used.toJSON() }] : []),
      ];
    });
  }
}

function recordsOf({ version, owner, description, plans }: Deployment): ServingRecord[] {
  const records: ServingRecord[] = [{ type: "deploy", version, owner, description }];
  for (const [rows, { plan }] of plans)
    for (let at = 0; at < plan.bytes.length; at += PIECE)
      records.push({
        ...{ type: "plan", version, rows },
        bytes: Buffer.from(plan.bytes.subarray(at, at + PIECE)).toString("base64"),
      });
  return records;
}
