/** The file by which a client asks a served model: addresses, keys to expect, its token. Only its owner can read it. */
import { constants, existsSync } from "node:fs";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import type { Invitation } from "../src/client/index.js";
import type { ScaledInvitation } from "../src/scale/index.js";
import { CommandError } from "./errors.js";

/** Makes the directory, and throws CommandError unless all of these files could be written into it now. */
export async function expectNoInvitations(directory: string, files: readonly string[]): Promise<void> {
  const code = (cause: unknown) => (cause instanceof Error && "code" in cause ? String(cause.code) : "an error");
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (cause) {
    throw new CommandError(`${directory}: expected to write clients' tokens there, got ${code(cause)}; try --out DIR`);
  }
  const there = files.filter((file) => existsSync(file));
  if (there.length > 0)
    throw new CommandError(
      `${there.join(", ")}: expected to write clients' tokens, got files that exist; try deleting them, if they are of a model that is served no more, or --out DIR`,
    );
}

/** Whether the file names groups behind a broker; what is no invitation does not. */
export async function isThroughBroker(file: string): Promise<boolean> {
  const { isScaled } = await import("../src/scale/index.js");
  try {
    return isScaled(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return false;
  }
}

/** Never overwrites a file: a token is written once. */
export async function writeInvitation(file: string, invitation: Invitation | ScaledInvitation): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(invitation, null, 2)}\n`, {
      mode: 0o600,
      flag: "wx",
    });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new CommandError(
      `${file}: expected to write a client's token, got ${code}; try --out DIR, and withdraw the model first`,
    );
  }
}
