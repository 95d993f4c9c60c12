/**
 * secretgrad/browser: asks a served model from a web page. The input is shared here, each party gets its part over a connection of
 * its own, and the answer is put together here. Nothing of Node is imported.
 *
 * ```ts
 * import { connectModel } from "secretgrad/browser";
 *
 * const digits = await connectModel({ model: "digits", parties: ["https://north.example:4000", …], token });
 * console.log((await digits.predict(image)).class);
 * ```
 *
 * Whoever serves the page, and every script on it, sees the input before it is shared: docs/browser.md.
 */
import { InputError } from "../errors.js";
import { checkOptions } from "../options.js";
import { webRandom } from "../random/web.js";
import { checkInvitation, endpointsOf, type Invitation } from "../serving/invitation.js";
import { RemoteModel } from "../serving/remote-model.js";
import { type SplitInput, sharingOf } from "./sharing.js";
import { openSocket } from "./socket.js";

export {
  FrameError,
  InputError,
  PolicyError,
  ScaleError,
  SecretgradError,
  SessionEndedError,
  ShapeError,
  UnavailableError,
} from "../errors.js";
export type { Invitation, PartyAddress } from "../serving/invitation.js";
export type { ModelInput, Prediction } from "../serving/prediction.js";
export type { RemoteModel } from "../serving/remote-model.js";
export type { ModelFacts } from "../serving/wire.js";
export type { SplitInput } from "./sharing.js";

export interface ConnectModelOptions {
  /** Longest wait for an answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a query that could be answered later is asked again. Default 0. */
  readonly retries?: number;
  /** Reaches parties on this machine, and no others, without TLS: those that run with --serve-insecure. A page that uses it must say so. */
  readonly insecure?: boolean;
  /** Told the shares of each input, in this page: to show them. They are the input for whoever has all of them. */
  readonly onSplit?: (split: SplitInput) => void;
  /** Told the payload of each message to or from a party. */
  readonly onTraffic?: (party: number, direction: "sent" | "received", bytes: number) => void;
}

/**
 * A model that parties serve, ready to be asked. The browser's authorities vouch for the parties' keys; pins of the invitation are
 * for Node, because no page can check them.
 *
 * Throws PolicyError for a token that is wrong or has expired, UnavailableError if a party is missing, serves without TLS, or its certificate is none
 * that the browser accepts, InputError for an invitation that is none and for http:// without `insecure`.
 */
export async function connectModel(invitation: Invitation, options: ConnectModelOptions = {}): Promise<RemoteModel> {
  checkOptions("connectModel", options, {
    timeoutMs: true,
    retries: true,
    insecure: true,
    onSplit: true,
    onTraffic: true,
  });
  const { model, token, parties } = checkInvitation(invitation);
  const { insecure = false, onSplit, onTraffic, ...rest } = options;
  const addresses = endpointsOf({ model, token, parties }, insecure).map(({ address }) => address);
  if (!globalThis.crypto?.subtle)
    throw new InputError("model: expected a page from https:// or localhost, got one without WebCrypto; try https://");
  const platform = {
    open: (address: string, handlers: Parameters<typeof openSocket>[1]) => {
      const party = addresses.indexOf(address);
      return openSocket(address, handlers, (direction, bytes) => onTraffic?.(party, direction, bytes));
    },
    random: webRandom,
    sharing: (protocol: string, parties: number) => sharingOf(protocol, parties, onSplit),
  };
  return RemoteModel.connect(platform, { ...rest, addresses, model, token });
}
