/**
 * What the owner of a served model allows: who may ask, until when, how often, and what an answer tells. As a file (TOML) and
 * as the parties keep it, without tokens. Not the counting, which is the parties'.
 */
import { createHash } from "node:crypto";
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { InputError } from "../errors.js";
import { nearest } from "../options.js";
import { credentialOf } from "./wire.js";

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name like shop"));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 48));
const reveal = v.picklist(["scores", "class"]);
/** Tokens of fewer characters could be guessed from their hashes. */
const SHORTEST_TOKEN = 20;
const token = v.pipe(v.string(), v.minLength(SHORTEST_TOKEN, `${SHORTEST_TOKEN} characters or more`), v.maxLength(200));
const timeForm = "a time like 2027-01-31T00:00:00Z";
const expires = v.pipe(
  v.union([v.date(), v.pipe(v.string(), v.isoTimestamp())], timeForm),
  v.transform((time) => new Date(time).toISOString()),
);

const file = v.strictObject({
  /** scores: the model's output. class: the position of the largest one, found inside. */
  reveal: v.optional(reveal, "class"),
  /** How many queries are answered in all. */
  queries: v.optional(count),
  clients: v.pipe(
    v.array(
      v.strictObject({
        name,
        /** Drawn by whoever deploys, if it is not given. */
        token: v.optional(token),
        expires: v.optional(expires),
        queries: v.optional(count),
        perMinute: v.optional(count),
      }),
    ),
    v.minLength(1),
    v.maxLength(10_000),
  ),
});
/** Who may ask a served model, how often, for what. In a TOML file `perMinute` is written `per-minute`. */
export interface PolicyOptions {
  /** scores: the model's output. class (default): the position of the largest one, found inside, and nothing else. */
  readonly reveal?: "scores" | "class" | undefined;
  /** How many queries are answered in all. Default: as many as clients ask. */
  readonly queries?: number | undefined;
  readonly clients: readonly {
    readonly name: string;
    /**
     * 20 characters or more that nobody can guess, for these parties alone: an organisation that is another party elsewhere would
     * learn more of it than one party may. Default: a random one.
     */
    readonly token?: string | undefined;
    readonly expires?: Date | string | undefined;
    readonly queries?: number | undefined;
    readonly perMinute?: number | undefined;
  }[];
}

/** As parties keep it. */
export const servingPolicy = v.strictObject({
  reveal,
  queries: v.optional(count),
  clients: v.pipe(
    v.array(
      v.strictObject({
        name,
        /** For each party that computes, the SHA-256 of the credential that this client shows there; none knows another's. */
        hashes: v.pipe(
          v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"))),
          v.minLength(1),
          v.maxLength(16),
        ),
        expires: v.optional(v.pipe(v.string(), v.isoTimestamp())),
        queries: v.optional(count),
        perMinute: v.optional(count),
      }),
    ),
    v.minLength(1),
    v.maxLength(10_000),
  ),
});
export type ServingPolicy = v.InferOutput<typeof servingPolicy>;
export type ServingClient = ServingPolicy["clients"][number];

export interface MadePolicy {
  readonly policy: ServingPolicy;
  /** By client. Shown once; nobody keeps them. */
  readonly tokens: ReadonlyMap<string, string>;
}

/** Reads policy.toml. `where` names it in errors. Throws InputError. */
export function parsePolicyFile(text: string, where = "policy"): PolicyOptions {
  let parsed: { clients?: unknown };
  try {
    parsed = parseToml(text);
  } catch (cause) {
    const at = cause instanceof TomlError ? ` at line ${cause.line}` : "";
    // Without the cause's text, which quotes the file, tokens included.
    throw new InputError(`${where}: expected TOML, got something else${at}; try [[clients]] and name = "me"`);
  }
  const { clients } = parsed;
  if (!Array.isArray(clients)) return checked(parsed, where, perMinuteKey);
  return checked({ ...parsed, clients: clients.map(camelCased) }, where, perMinuteKey);
}

const perMinuteKey = "per-minute";
function camelCased(client: unknown): unknown {
  if (typeof client !== "object" || client === null || !(perMinuteKey in client)) return client;
  const { [perMinuteKey]: perMinute, ...rest } = client;
  return { ...rest, perMinute };
}

/** The policy for `parties` computing parties; tokens that are not given are drawn with `random`. */
export async function makePolicy(
  given: PolicyOptions,
  parties: number,
  random: (bytes: number) => Uint8Array,
  where = "policy",
): Promise<MadePolicy> {
  const { clients, queries, reveal } = v.parse(file, checked(given, where));
  const tokens = new Map<string, string>();
  for (const { name, token, expires } of clients) {
    if (expires !== undefined && Date.parse(expires) <= Date.now())
      throw new InputError(
        `${where}: expected a time to come as expires of ${name}, got ${expires}, which is past; try a later one`,
      );
    if (tokens.has(name))
      throw new InputError(`${where}: expected each client once, got ${name} twice; try another name`);
    tokens.set(name, token ?? `sg_${Buffer.from(random(24)).toString("base64url")}`);
  }
  if (new Set(tokens.values()).size < tokens.size)
    throw new InputError(
      `${where}: expected a token of its own for each client, got one twice; try leaving tokens out`,
    );
  const policy: ServingPolicy = {
    reveal,
    ...(queries === undefined ? {} : { queries }),
    clients: await Promise.all(
      clients.map(async ({ name, expires, queries, perMinute }) => ({
        name,
        hashes: await Promise.all(
          Array.from({ length: parties }, async (_, party) => hashOf(await credentialOf(tokens.get(name)!, party))),
        ),
        ...(expires === undefined ? {} : { expires }),
        ...(queries === undefined ? {} : { queries }),
        ...(perMinute === undefined ? {} : { perMinute }),
      })),
    ),
  };
  return { policy, tokens };
}

/** What parties compare a credential with. */
export const hashOf = (credential: Uint8Array): string => createHash("sha256").update(credential).digest("hex");

/** Whether asking changes what is left, so that it must be counted on disk. */
export const isLimited = ({ queries, clients }: ServingPolicy): boolean =>
  queries !== undefined || clients.some((client) => client.queries !== undefined);

const topKeys = ["reveal", "queries", "clients"];
const clientKeys = ["name", "token", "expires", "queries"];

/** `perMinute`: how that key is spelt in what is checked. */
function checked(value: unknown, where: string, perMinute = "perMinute"): PolicyOptions {
  const result = v.safeParse(file, value);
  if (result.success) return value as PolicyOptions;
  // An unknown key comes first: what is missing may be what it was meant as.
  const issue = result.issues.find(({ expected }) => expected === "never") ?? result.issues[0];
  const keys = (issue.path ?? []).map(({ key }) => (key === "perMinute" ? perMinute : String(key)));
  const at = keys.join(".") || "the top";
  const [, , inClient] = keys;
  if (issue.expected === "never") {
    const known = inClient === undefined ? topKeys : [...clientKeys, perMinute];
    const place = keys.slice(0, -1).join(".") || "the top";
    throw new InputError(
      `${where}: expected ${known.join(", ")} at ${place}, got ${JSON.stringify(keys.at(-1))}; try ${nearest(keys.at(-1)!, known)}`,
    );
  }
  // Not what was received, which may be a token.
  throw new InputError(
    `${where}: expected ${inClient === "expires" ? timeForm : (issue.expected ?? issue.message)} at ${at}, got something else; try reveal = "class" and [[clients]] with a name`,
  );
}
