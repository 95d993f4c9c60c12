/** Asking a served model from Node: finds its parties by address, checks their keys, splits inputs. Not the conversation, see serving/. */
import { readFile } from "node:fs/promises";
import { InputError } from "../errors.js";
import { openBroker, openWebSocket } from "../net/index.js";
import { checkOptions } from "../options.js";
import { protocolNamed } from "../protocol/index.js";
import { secureRandom } from "../random/index.js";
import { checkScaledInvitation, isScaled, type ScaledInvitation, ScaledModel } from "../scale/index.js";
import type { OnWaiting, ServedModel } from "../serving/asking.js";
import { checkInvitation, endpointsOf, type Invitation } from "../serving/invitation.js";
import { type ClientSharing, type Platform, RemoteModel } from "../serving/remote-model.js";
import { LARGEST_PART } from "../serving/wire.js";

export interface ConnectModelOptions {
  /** Longest wait for an answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a query that could be answered later is asked again. Default 0; 5 where several groups serve the model. */
  readonly retries?: number;
  /** Reaches parties on this machine, and no others, without TLS and whatever their pins: those that run with --serve-insecure. */
  readonly insecure?: boolean;
  /** Told each time that it will be asked again: why, and after how many milliseconds. */
  readonly onWaiting?: OnWaiting;
  /** The broker of a model that several groups serve, "nats://HOST:PORT", instead of the one that the invitation names. */
  readonly broker?: string;
}

/**
 * A model that parties serve, ready to be asked. Inputs are shared in this process; each party gets one part, the model stays
 * hidden, and the answer is put together here. `from`: an invitation, or the path of its file. Where it names several groups of
 * parties, a broker picks the group, which may be another when a query is asked again. Connections to parties last until `close()`,
 * but do not keep the process alive by themselves; a broker's does.
 *
 * Throws PolicyError for a token that is wrong or has expired, HandshakeError for a party with another key than the pinned one,
 * UnavailableError if a party is missing.
 *
 * @example const digits = await connectModel("digits.shop.json");
 *          console.log((await digits.predict(image)).class);
 *          await digits.close();
 */
export async function connectModel(
  from: Invitation | ScaledInvitation | string,
  options: ConnectModelOptions = {},
): Promise<ServedModel> {
  checkOptions("connectModel", options, {
    timeoutMs: true,
    retries: true,
    insecure: true,
    broker: true,
    onWaiting: true,
  });
  const where = typeof from === "string" ? from : "invitation";
  const given = typeof from === "string" ? await readJson(from) : from;
  const { insecure = false, broker: server, ...rest } = options;
  if (isScaled(given)) {
    const invitation = checkScaledInvitation(given, where);
    const broker = await openBroker(server ?? invitation.broker);
    return ScaledModel.connect({ ...rest, broker, invitation, sharing: sharingOf });
  }
  if (server !== undefined)
    throw new InputError(
      `${where}: expected groups of parties to reach through a broker, got addresses; try without a broker`,
    );
  const invitation = checkInvitation(given, where);
  const endpoints = endpointsOf(invitation, insecure);
  const open = endpoints.filter(({ address }) => address.startsWith("ws:")).map(({ address }) => new URL(address).host);
  if (open.length > 0)
    process.emitWarning(
      `${where}: insecure: ${open.join(", ")} are reached without TLS, and their keys are not checked. For trying things out on this machine alone`,
      "SecretgradWarning",
    );
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

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "something else";
    throw new InputError(
      `${path}: expected an invitation in JSON, got ${code}; try the file that \`secretgrad deploy\` wrote`,
    );
  }
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
