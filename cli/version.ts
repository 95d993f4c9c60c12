/** The version of this package, read from its package.json. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Looks upwards from this file, because sources and build output lie at different depths. */
export function readVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
        string,
        unknown
      >;
      if (name === "secretgrad" && typeof version === "string") return version;
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
}
