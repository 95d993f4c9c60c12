/** Reads the public list of parties and users. Not a key. */
import { readFile } from "node:fs/promises";
import { InputError } from "../errors.js";
import { type Cluster, parseCluster } from "../party/cluster.js";

export async function readCluster(path: string): Promise<Cluster> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new InputError(`${path}: expected a cluster file, got ${code}; try --cluster FILE or \`secretgrad init\``, {
      cause,
    });
  }
  return parseCluster(text, path);
}
