/** Asking a served model from Node: finds its parties by address, checks their keys, splits inputs. Not the conversation, see serving/. */
import { readFile } from "node:fs/promises";
import { InputError } from "../errors.js";
import { openWebSocket } from "../net/index.js";
import { checkOptions } from "../options.js";
import { protocolNamed } from "../protocol/index.js";
import { secureRandom } from "../random/index.js";
import { checkInvitation, endpointsOf, type Invitation } from "../serving/invitation.js";
import { type ClientSharing, type Platform, RemoteModel } from "../serving/remote-model.js";
import { LARGEST_PART } from "../serving/wire.js";

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
  checkOptions("connectModel", options, { timeoutMs: true, retries: true, insecure: true });
  const invitation = await readInvitation(from);
  const { insecure = false, ...rest } = options;
  const endpoints = endpointsOf(invitation, insecure);
  const pins = new Map(endpoints.map(({ address, pin }) => [address, pin]));
  const platform: Platform = {
    open: (address, handlers) =>
      openWebSocket(address, handlers, { pin: pins.get(address), largestMessage: LARGEST_PART + 1024 }),
    random: secureRandom,
    sharing: sharingOf,
  };
  const { model, token } = invitation;
  return RemoteModel.connect(platform, { ...rest, addresses: [...pins.keys()], model, token });
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
  return checkInvitation(given, where);
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
