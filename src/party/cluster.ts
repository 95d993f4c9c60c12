/**
 * The cluster file: who the parties and users are, where parties listen and which key each must show. Public, read by
 * everybody; not the private keys, which each identity keeps in a file of its own.
 */
import * as v from "valibot";
import { InputError } from "../errors.js";

/** Letters, digits, "-", "_" and "."; begins with a letter or digit, so that it is a safe part of paths and messages. */
export const identityName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name like p0 or alice"));
const pin = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits (SHA-256 of the public key)"));

const party = v.strictObject({
  name: identityName,
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  pin,
  /** Where clients of served models find it, at the same host. */
  serve: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))),
});
const user = v.strictObject({ name: identityName, role: v.picklist(["owner", "driver"]), pin });

const schema = v.strictObject({
  protocol: v.pipe(v.string(), v.minLength(1), v.maxLength(32)),
  parties: v.pipe(v.array(party), v.minLength(1), v.maxLength(16)),
  users: v.optional(v.pipe(v.array(user), v.maxLength(1000)), []),
  timeoutMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(3_600_000)), 30_000),
});

export type Cluster = v.InferOutput<typeof schema>;
export type ClusterParty = Cluster["parties"][number];
export type ClusterUser = Cluster["users"][number];

/** What an identity may do. */
export type Role = "party" | ClusterUser["role"];
/** Somebody whose certificate was checked. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** Checks the text of a cluster file. `where` names it in errors. */
export function parseCluster(text: string, where = "cluster file"): Cluster {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${where}: expected JSON, got something else; try \`secretgrad init\``, { cause });
  }
  return checkCluster(json, where);
}

/** Checks a cluster description that is already parsed. */
export function checkCluster(json: unknown, where = "cluster file"): Cluster {
  const result = v.safeParse(schema, json);
  if (!result.success) {
    const issue = result.issues[0];
    throw new InputError(
      `${where}: expected ${issue.type === "regex" ? issue.message : (issue.expected ?? issue.message)} at ${v.getDotPath(issue) ?? "the top"}, got ${issue.received}; try ${where === "init" ? "letters, digits, - and _" : "`secretgrad init`"}`,
    );
  }
  const cluster = result.output;
  // Two identities with one name or one key could act for each other.
  const names = new Set<string>();
  const pins = new Set<string>();
  for (const identity of [...cluster.parties, ...cluster.users]) {
    if (identity.name.startsWith("clients."))
      throw new InputError(
        `${where}: expected a name that stands for one identity, got ${identity.name}, as clients of a served model are called; try another`,
      );
    if (names.has(identity.name))
      throw new InputError(`${where}: expected each name once, got ${identity.name} twice; try another name`);
    if (pins.has(identity.pin))
      throw new InputError(
        `${where}: expected one key for each identity, got the key of ${identity.name} twice; try new keys`,
      );
    names.add(identity.name);
    pins.add(identity.pin);
  }
  return cluster;
}

/** The party's place in the file, which is its index in the protocol. */
export function indexOfParty(cluster: Cluster, name: string): number {
  const index = cluster.parties.findIndex((candidate) => candidate.name === name);
  if (index < 0)
    throw new InputError(
      `cluster file: expected a party named ${name}, got ${cluster.parties.map((each) => each.name).join(", ")}`,
    );
  return index;
}
