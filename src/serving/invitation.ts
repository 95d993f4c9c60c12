/** What lets a client ask a served model: addresses, keys, a token; its strict reading. Pure, for Node and browsers alike. */
import { InputError } from "../errors.js";

/** What the owner of a model gives a client: where to ask, whom to trust, and the client's own token. */
export interface Invitation {
  readonly model: string;
  /** Of all parties that compute, in the order of the protocol: "https://north.example:4000". */
  readonly parties: readonly (string | PartyAddress)[];
  readonly token: string;
}
export interface PartyAddress {
  readonly url: string;
  /** SHA-256 of the party's public key, as in the cluster file. For Node; browsers cannot pin, and ask their authorities. */
  readonly pin?: string | undefined;
}
/** One party's, ready to be connected to. */
export interface Endpoint {
  /** wss://HOST:PORT/v1 */
  readonly address: string;
  readonly pin: string | undefined;
}

const MOST_PARTIES = 16;

/** Checks what was given as an invitation; `where` names it in errors, which never quote it: it holds a token. */
export function checkInvitation(given: unknown, where = "invitation"): Invitation {
  const fail = (expected: string, at: string): never => {
    throw new InputError(
      `${where}: expected ${expected} at ${at}, got something else; try { model, parties: [{ url, pin }], token }`,
    );
  };
  const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const only = (value: Readonly<Record<string, unknown>>, names: readonly string[], at: string) => {
    for (const name of Object.keys(value)) if (!names.includes(name)) fail(`only ${names.join(", ")}`, at);
  };
  if (!isRecord(given)) return fail("an object", "the top");
  only(given, ["model", "parties", "token"], "the top");
  const { model, parties, token } = given;
  if (typeof model !== "string" || model === "") return fail("a name", "model");
  if (typeof token !== "string" || token === "") return fail("a text", "token");
  if (!Array.isArray(parties) || parties.length < 1 || parties.length > MOST_PARTIES)
    return fail(`1 to ${MOST_PARTIES} addresses`, "parties");
  for (const [i, party] of parties.entries() as Iterable<[number, unknown]>) {
    const at = `parties.${i}`;
    if (typeof party === "string") continue;
    if (!isRecord(party) || typeof party.url !== "string") return fail("an address", at);
    only(party, ["url", "pin"], at);
    if (party.pin !== undefined && !(typeof party.pin === "string" && /^[0-9a-f]{64}$/.test(party.pin)))
      return fail("64 hex digits", `${at}.pin`);
  }
  return given as unknown as Invitation;
}

/**
 * Where the parties of an invitation are. `insecure`: parties on this machine, and no others, are reached without TLS, whatever
 * their addresses say, and their pins count for nothing. Throws InputError for http:// elsewhere or without it, and for an
 * address that is named twice: whoever is two parties has the input.
 */
export function endpointsOf({ model, parties }: Invitation, insecure: boolean): Endpoint[] {
  const endpoints = parties.map((party) => {
    const { url, pin } = typeof party === "string" ? { url: party, pin: undefined } : party;
    const address = webSocketAddress(url, insecure);
    return { address, pin: address.startsWith("wss:") ? pin : undefined };
  });
  if (new Set(endpoints.map(({ address }) => address)).size < endpoints.length)
    throw new InputError(`model ${model}: expected an address for each party, got one twice; try the addresses of all`);
  return endpoints;
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
      local
        ? `${text}: expected https://, or insecure: true for a party on this machine, got http://; try connectModel(invitation, { insecure: true }), or https://`
        : `${text}: expected https:// to a party that is not on this machine, got http://; try https://`,
    );
  if (!(insecure && local)) return `wss://${url.host}/v1`;
  return `ws://${url.hostname}:${url.port || (plain ? 80 : 443)}/v1`;
}
