// What browsers load, each as one file, for pages that pin it by its hash (subresource integrity): the client of real parties, and
// sessions inside a page. Called by the build and by tests; `node scripts/bundle-browser.mjs` prints sizes and hashes.
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = (file) => `${root}src/page/node/${file}.ts`;

/** secretgrad/browser: the bundle's text, its hash for `integrity`, and the licences of what is in it. */
export const bundleBrowser = () => bundle("src/browser/index.ts");

/** secretgrad/browser/local: the same, with a stand-in for what it would have of Node. */
export const bundleLocal = () =>
  bundle(
    "src/page/index.ts",
    {
      "node:crypto": own("crypto"),
      "node:buffer": own("buffer"),
      ...Object.fromEntries(nothing.map((name) => [name, own("nothing")])),
    },
    {
      Buffer: [own("buffer"), "Buffer"],
      ...Object.fromEntries(globals.map((name) => [name, [own("globals"), name]])),
    },
  );

/** Files, TLS, certificates, second threads: reached by no session in a page, but named by modules of which it uses other parts. */
const nothing = [
  ...["node:fs/promises", "node:fs", "node:path", "node:tls", "node:https", "node:http", "node:util", "node:zlib"],
  ...["node:os", "../ring/threads/split.js", "ws", "@peculiar/x509", "reflect-metadata"],
];
const globals = ["process", "setImmediate", "setTimeout", "setInterval", "clearTimeout", "clearInterval"];

async function bundle(entry, alias = {}, inject = {}) {
  const built = await build({
    root,
    configFile: false,
    logLevel: "error",
    resolve: {
      alias: Object.entries(alias).map(([name, replacement]) => ({ find: new RegExp(`^${name}$`), replacement })),
    },
    build: {
      write: false,
      target: "es2022",
      lib: { entry, formats: ["es"] },
      // Of the packages in it, for whoever passes it on.
      license: { fileName: "licences.md" },
      rolldownOptions: {
        transform: { inject },
        // Names that a stand-in leaves out are undefined.
        shimMissingExports: Object.keys(alias).length > 0,
        // Errors have the names of their classes.
        output: { keepNames: true, minify: true, codeSplitting: false },
      },
    },
  });
  const [{ output }] = [built].flat();
  const chunks = output.filter(({ type }) => type === "chunk");
  if (chunks.length !== 1 || chunks[0].imports.length > 0)
    throw new Error(
      `bundle: expected one file without imports, got ${chunks.map(({ fileName, imports }) => [fileName, ...imports]).join(", ")}`,
    );
  const { code } = chunks[0];
  const licences = output.find(({ fileName }) => fileName === "licences.md")?.source;
  return { code, licences, integrity: `sha384-${createHash("sha384").update(code).digest("base64")}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, make] of [
    ["secretgrad.js", bundleBrowser],
    ["local.js", bundleLocal],
  ]) {
    const { code, integrity } = await make();
    console.log(`dist/browser/${name}  ${code.length} bytes, ${gzipSync(code).length} gzip  ${integrity}`);
  }
