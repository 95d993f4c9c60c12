/** Errors that cross a connection: our own classes by name and message. Stacks, causes and other errors stay here. */
import * as errors from "../errors.js";

export interface WireError {
  readonly name: string;
  readonly message: string;
  /** Only of PeerLostError. */
  readonly peer?: string;
}

const LARGEST_MESSAGE = 4096;
type Simple = new (message: string) => errors.SecretgradError;
const classes = new Map<string, Simple>();
for (const [name, value] of Object.entries(errors))
  if (name !== "PeerLostError" && value !== errors.SecretgradError) classes.set(name, value as Simple);

/** What the other end may know: our own errors as they are, of everything else only that it happened. */
export function errorToWire(error: unknown, where: string): WireError {
  if (!(error instanceof errors.SecretgradError))
    return { name: "SecretgradError", message: `${where}: an internal error; try the log of the party` };
  const { name, message } = error;
  const wire = { name, message: message.slice(0, LARGEST_MESSAGE) };
  return error instanceof errors.PeerLostError ? { ...wire, peer: error.peer } : wire;
}

/** The error as the same class; an unknown name becomes SecretgradError. */
export function errorFromWire(wire: unknown, from: string): errors.SecretgradError {
  if (typeof wire !== "object" || wire === null) return new errors.SecretgradError(`${from}: an error without a name`);
  const { name, message, peer } = wire as Partial<Record<keyof WireError, unknown>>;
  const text = typeof message === "string" ? message.slice(0, LARGEST_MESSAGE) : "an error without a message";
  if (name === "PeerLostError") return new errors.PeerLostError(text, typeof peer === "string" ? peer : "unknown");
  const known = typeof name === "string" ? classes.get(name) : undefined;
  return known ? new known(text) : new errors.SecretgradError(text);
}
