/** Errors of the command line itself; those of the library are in src/errors.ts. */

/** Wrong arguments: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
/** The command cannot do its work for a reason that the message explains: exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
