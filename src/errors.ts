/**
 * Every error class that secretgrad throws on purpose, in one place; not the place where they are thrown.
 *
 * Messages read `where: expected X, got Y; try Z` and never contain a share, key or plaintext value.
 */

/** Base class: `instanceof SecretgradError` tells our errors from bugs and from the platform's. */
export class SecretgradError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** Shapes, axes or lengths do not fit together. */
export class ShapeError extends SecretgradError {}
/** A number cannot be represented: NaN, infinite, out of the fixed-point range, or scales that cannot be aligned. */
export class ScaleError extends SecretgradError {}
/** A bound (number of bits of a value) that the ring or a primitive cannot hold. */
export class BoundError extends SecretgradError {}
/**
 * A value left the bound that its plan declares, seen by the twin in the clear of a debug run: parties compute on, wrongly and
 * without noticing. The one message that names a value, to who gave the twin all of them.
 */
export class OverflowError extends BoundError {}
/** A secret was printed as a value, branched on, converted or serialised. */
export class SecretLeakError extends SecretgradError {}
/** A handle was used after the plan that produced it had closed. */
export class StaleValueError extends SecretgradError {}
/** A plan from outside is malformed, too large, or does not type-check. */
export class PlanError extends SecretgradError {}
/** A party's policy or an owner's grant does not allow what was asked. */
export class PolicyError extends SecretgradError {}
/** An owner has not (yet) granted a reveal; waiting for the grant can help. */
export class GrantMissingError extends PolicyError {}
/** Of a protocol whose dealer deals ahead: nothing was dealt for this run, or all of it is used. Dealing more can help. */
export class DealtMissingError extends SecretgradError {}
/** A frame from a peer is malformed, oversized, duplicated, replayed or out of order. */
export class FrameError extends SecretgradError {}
/** A peer vanished, closed the connection or did not answer within the time-out; `peer` names it. */
export class PeerLostError extends SecretgradError {
  constructor(
    message: string,
    readonly peer: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
/** Handshake failed: wrong certificate, index, version, kernel hash or party list. */
export class HandshakeError extends SecretgradError {}
/**
 * A served model cannot answer now: too many queries wait, a party is missing or shuts down, or its owner limits how often you
 * may ask. Asking again after `retryAfterMs` can help.
 */
export class UnavailableError extends SecretgradError {
  constructor(
    message: string,
    readonly retryAfterMs = 1000,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
/** The session has ended; nothing can be run in it any more. */
export class SessionEndedError extends SecretgradError {}
/** Memory of the ring was used after it was freed, freed twice, or exhausted. */
export class MemoryError extends SecretgradError {}
/** A file or argument of the user is wrong: unknown format, bad CSV cell, missing key. */
export class InputError extends SecretgradError {}
/** A model file is malformed, truncated, larger than is read, or holds numbers that cannot be shared. */
export class ModelFileError extends InputError {}
/** A model file is sound but asks for what secretgrad does not have; `nodes` lists all of it. */
export class UnsupportedModelError extends ModelFileError {
  constructor(
    message: string,
    readonly nodes: readonly UnsupportedNode[],
  ) {
    super(message);
  }
}
/** One layer or operator that could not be taken over, and why. */
export interface UnsupportedNode {
  readonly type: string;
  readonly name: string;
  readonly reason: string;
}
/** A dataset, variable, plan or grant of this name does not exist, or exists already. */
export class NameError extends SecretgradError {}
/** Stored data cannot be opened: wrong key, tampered, truncated or of another version. */
export class StorageError extends SecretgradError {}
