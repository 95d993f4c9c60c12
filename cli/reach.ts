/** Who runs a command, and the way to the parties: from the options that commands share. */
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readCluster } from "../src/client/cluster-file.js";
import { readIdentity } from "../src/client/identity-file.js";
import { UsageError } from "./errors.js";

export interface WhoOptions {
  readonly cluster: string;
  readonly key?: string | undefined;
  readonly user?: string | undefined;
}
export interface Who {
  readonly as: string;
  readonly key: string;
}

/**
 * The name and key file of who is at the keyboard: --user, else the name in --key, else the only user of the role whose
 * key lies beside the cluster file (for "any": the first).
 */
export async function whoAmI(options: WhoOptions, role: "owner" | "driver" | "any"): Promise<Who> {
  const keyOf = (name: string) => join(dirname(options.cluster), "keys", `${name}.pem`);
  if (options.user !== undefined) return { as: options.user, key: options.key ?? keyOf(options.user) };
  if (options.key !== undefined) return { as: (await readIdentity(options.key)).name, key: options.key };
  const { users } = await readCluster(options.cluster);
  const held: string[] = [];
  for (const user of users)
    if ((role === "any" || user.role === role) && (await exists(keyOf(user.name)))) held.push(user.name);
  if (held.length === 0)
    throw new UsageError(
      `expected a key of ${role === "any" ? "a user" : `an ${role}`} in ${join(dirname(options.cluster), "keys")}, got none; try --key FILE`,
    );
  if (held.length > 1 && role !== "any")
    throw new UsageError(`expected to know who you are, got keys of ${held.join(", ")}; try --user ${held[0]}`);
  return { as: held[0]!, key: keyOf(held[0]!) };
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
