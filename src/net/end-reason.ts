/** Why a session ended, as two bytes for the peers: a code and the index of the party concerned. No text, no secrets. */
import { FrameError, HandshakeError, PeerLostError, SessionEndedError } from "../errors.js";

const CODES = [
  "it closed the session",
  "a malformed or unexpected frame",
  "a party was lost",
  "the handshake failed",
  "an error of its own",
] as const;
const NOBODY = 255;

export function encodeEnd(error: Error, names: readonly string[]): Uint8Array {
  const code =
    error instanceof SessionEndedError
      ? 0
      : error instanceof FrameError
        ? 1
        : error instanceof PeerLostError
          ? 2
          : error instanceof HandshakeError
            ? 3
            : 4;
  const concerned = error instanceof PeerLostError ? names.indexOf(error.peer) : -1;
  return Uint8Array.of(code, concerned < 0 ? NOBODY : concerned);
}

/** The error at party `self`, told by `peer`; a loss that somebody saw is one here, too, unless it is our own. */
export function decodeEnd(
  payload: Uint8Array,
  names: readonly string[],
  peer: number,
  self: number,
): SessionEndedError | PeerLostError {
  const reason = CODES[payload[0] ?? -1] ?? "an unknown reason";
  const concerned = names[payload[1] ?? NOBODY];
  const about = concerned === undefined ? "" : ` (${concerned})`;
  const lost = CODES[payload[0] ?? -1] === CODES[2];
  if (lost && concerned !== undefined && payload[1] !== self)
    return new PeerLostError(
      `session: expected ${concerned} to go on, got its loss as ${names[peer]} saw it; try again when it is back`,
      concerned,
    );
  return new SessionEndedError(
    `session: expected to go on, got the end from ${names[peer]}: ${reason}${about}; try a new session`,
  );
}
