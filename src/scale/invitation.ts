/** What lets a client ask a model that several groups serve: the broker, each group's keys, a token for each; its strict reading. */
import { createHash, createHmac } from "node:crypto";
import * as v from "valibot";
import { InputError } from "../errors.js";

const pin = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"));
const schema = v.strictObject({
  model: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  /** "nats://HOST:PORT"; without, the broker of this process. */
  broker: v.optional(v.string()),
  groups: v.pipe(
    v.array(
      v.strictObject({
        /** Pins of the parties that compute, in the order of the protocol. */
        parties: v.pipe(v.array(pin), v.minLength(1), v.maxLength(16)),
        /** Each group has its own: with one for all, an organisation that is another party in each would have every party's credential. */
        token: v.pipe(v.string(), v.minLength(1)),
      }),
    ),
    v.minLength(1),
    v.maxLength(1000),
  ),
});
export type ScaledInvitation = v.InferOutput<typeof schema>;

export const isScaled = (given: unknown): boolean => typeof given === "object" && given !== null && "groups" in given;

/** Checks what was given; `where` names it in errors, which never quote it. Throws InputError. */
export function checkScaledInvitation(given: unknown, where = "invitation"): ScaledInvitation {
  const result = v.safeParse(schema, given);
  if (!result.success) {
    const [issue] = result.issues;
    throw new InputError(
      `${where}: expected ${issue.expected ?? "something else"} at ${v.getDotPath(issue) ?? "the top"}, got something else; try the file that \`secretgrad deploy\` wrote`,
    );
  }
  const { groups } = result.output;
  for (const { parties } of groups)
    if (new Set(parties).size < parties.length)
      throw new InputError(
        `${where}: expected a key for each party of a group, got one twice; whoever is two has the input`,
      );
  if (new Set(groups.map(({ parties }) => groupId(parties))).size < groups.length)
    throw new InputError(`${where}: expected each group once, got one twice`);
  if (new Set(groups.map(({ token }) => token)).size < groups.length)
    throw new InputError(
      `${where}: expected a token of its own for each group, got one twice; try deploying with secretgrad deploy`,
    );
  return result.output;
}

/** The token that a client shows to one group, of the one that its model's owner chose for all. No group learns the others'. */
export const tokenFor = (token: string, pins: readonly string[]): string =>
  `sg_${createHmac("sha256", token)
    .update(`secretgrad/scale/1 token\n${groupId(pins)}`)
    .digest("base64url")}`;

/** A group is its parties' keys in their order; what is sealed for one is sealed for these. 32 hex digits. */
export const groupId = (pins: readonly string[]): string =>
  createHash("sha256")
    .update(`secretgrad/scale/1 group\n${pins.join("\n")}`)
    .digest("hex")
    .slice(0, 32);
