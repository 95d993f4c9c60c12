// The browser's client as one file, for pages that pin it by its hash (subresource integrity). Called by the build and by its test.
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The bundle's text and its hash for `integrity`. */
export async function bundleBrowser() {
  const built = await build({
    root,
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      target: "es2022",
      lib: { entry: "src/browser/index.ts", formats: ["es"] },
      // Errors have the names of their classes.
      rolldownOptions: { output: { keepNames: true, minify: true } },
    },
  });
  const [{ output }] = [built].flat();
  const chunks = output.filter(({ type }) => type === "chunk");
  if (chunks.length !== 1 || chunks[0].imports.length > 0)
    throw new Error(
      `bundle: expected one file without imports, got ${chunks.map(({ fileName }) => fileName).join(", ")}`,
    );
  const { code } = chunks[0];
  return { code, integrity: `sha384-${createHash("sha384").update(code).digest("base64")}` };
}
