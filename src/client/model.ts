/** Asking a served model from Node: finds its parties by address, checks their keys, splits inputs. Not the conversation, see serving/. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { InputError } from "../errors.js";
import { openWebSocket } from "../net/index.js";
import { protocolNamed } from "../protocol/index.js";
import { secureRandom } from "../random/index.js";
import { type ClientSharing, type Platform, RemoteModel } from "../serving/remote-model.js";
import { LARGEST_PART } from "../serving/wire.js";

const party = v.union([
  v.string(),
  v.strictObject({
    url: v.string(),
    /** SHA-256 of the party's public key, as in the cluster file. */
    pin: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hex digits"))),
  }),
]);
const invitation = v.strictObject({
  model: v.string(),
  /** Of all parties that compute, in the order of the protocol: "https://north.example:4000". */
  parties: v.pipe(v.array(party), v.minLength(1), v.maxLength(16)),
  token: v.string(),
});
/** What the owner of a model gives a client: where to ask, whom to trust, and the client's own token. */
export type Invitation = v.InferOutput<typeof invitation>;

export interface ConnectModelOptions {
  /** Longest wait for an answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a query that could be answered later is asked again. Default 0. */
  readonly retries?: number;
  /** Allows http:// addresses, on this machine only. */
  readonly insecure?: boolean;
}

/**
 * A model that parties serve, ready to be asked. Inputs are shared in this process; each party gets one part, the model stays
 * hidden, and the answer is put together here. `from`: an invitation, or the path of its file.
 *
 * Throws PolicyError for a token that is wrong or has expired, HandshakeError for a party with another key than the pinned one,
 * UnavailableError if a party is missing.
 *
 * @example const digits = await connectModel("digits.shop.json");
 *          console.log((await digits.predict(image)).class);
 */
export async function connectModel(from: Invitation | string, options: ConnectModelOptions = {}): Promise<RemoteModel> {
  const { model, parties, token } = await readInvitation(from);
  const { insecure = false, ...rest } = options;
  const pins = new Map<string, string | undefined>();
  const addresses = parties.map((each) => {
    const { url, pin } = typeof each === "string" ? { url: each } : each;
    const address = webSocketAddress(url, insecure);
    pins.set(address, pin);
    return address;
  });
  if (new Set(addresses).size < addresses.length)
    throw new InputError(`model ${model}: expected an address for each party, got one twice; try the addresses of all`);
  const platform: Platform = {
    open: (address, handlers) =>
      openWebSocket(address, handlers, { pin: pins.get(address), largestMessage: LARGEST_PART + 1024 }),
    random: secureRandom,
    sharing: sharingOf,
  };
  return RemoteModel.connect(platform, { ...rest, addresses, model, token });
}

async function readInvitation(from: Invitation | string): Promise<Invitation> {
  let given: unknown = from;
  const where = typeof from === "string" ? from : "invitation";
  if (typeof from === "string") {
    try {
      given = JSON.parse(await readFile(from, "utf8"));
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "something else";
      throw new InputError(
        `${from}: expected an invitation in JSON, got ${code}; try the file that \`secretgrad deploy\` wrote`,
      );
    }
  }
  const result = v.safeParse(invitation, given);
  if (result.success) return result.output;
  const issue: v.BaseIssue<unknown> = result.issues[0];
  // Not what was received, which may be the token.
  throw new InputError(
    `${where}: expected ${issue.expected ?? issue.message} at ${v.getDotPath(issue) ?? "the top"}, got something else; try { model, parties: [{ url, pin }], token }`,
  );
}

/** wss://HOST:PORT/v1; ws:// only on request and only on this machine, for whoever reads a link to two parties has the input. */
function webSocketAddress(text: string, insecure: boolean): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InputError(`${text}: expected the address of a party, got something else; try https://host:4000`);
  }
  const plain = url.protocol === "http:" || url.protocol === "ws:";
  if (!plain && url.protocol !== "https:" && url.protocol !== "wss:")
    throw new InputError(`${text}: expected https://, got ${url.protocol}; try https://host:4000`);
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (plain && !(insecure && local))
    throw new InputError(
      `${text}: expected https://, or insecure: true and a party on this machine, got http://; try https://`,
    );
  return `${plain ? "ws" : "wss"}://${url.host}/v1`;
}

function sharingOf(protocol: string, parties: number): ClientSharing {
  const { sharing, ...definition } = protocolNamed(protocol);
  const computing = definition.parties - (definition.dealer === undefined ? 0 : 1);
  if (computing !== parties)
    throw new InputError(
      `model: expected ${computing} addresses for ${protocol}, got ${parties}; try those of all parties`,
    );
  return {
    split(words) {
      const seeds = sharing.freshSeeds();
      const correction = sharing.correction(seeds, 0, words);
      return Array.from({ length: parties }, (_, party) =>
        Buffer.concat([...seeds.byParty[party]!, ...(sharing.keepsCorrection[party] ? [correction] : [])]),
      );
    },
    combine: (parts, wordBytes) => sharing.combine(parts, wordBytes),
  };
}
