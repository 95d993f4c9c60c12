// Builds the package: AssemblyScript kernels -> embedded wasm module -> js and types in dist/, then the browser's client as one file
// and the demo's page. Run by `npm run build`.
// Builds beside dist/ and swaps: npm builds again when `npx secretgrad` first runs in a clone, while others run what is there.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const run = (file, args) => execFileSync(process.execPath, [file, ...args], { stdio: "inherit" });
run("scripts/build-kernels.mjs", []);
if (!process.argv.includes("--kernels-only")) {
  const [fresh, old] = [`dist.new.${process.pid}`, `dist.old.${process.pid}`];
  const remove = (path) => rmSync(path, { recursive: true, force: true });
  try {
    run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json", "--outDir", fresh]);
    chmodSync(`${fresh}/cli/main.js`, 0o755);
    await buildBrowser(fresh);
    if (existsSync("dist")) renameSync("dist", old);
    renameSync(fresh, "dist");
  } finally {
    remove(fresh);
    remove(old);
  }
}

async function buildBrowser(dist) {
  const { bundleBrowser, bundleLocal } = await import("./bundle-browser.mjs");
  mkdirSync(`${dist}/browser`);
  for (const [name, bundle] of [
    ["secretgrad.js", bundleBrowser],
    ["local.js", bundleLocal],
  ]) {
    const { code, integrity, licences } = await bundle();
    writeFileSync(`${dist}/browser/${name}`, code);
    writeFileSync(`${dist}/browser/${name}.integrity`, `${integrity}\n`);
    if (/^## /m.test(licences ?? "")) writeFileSync(`${dist}/browser/${name}.licences.md`, licences);
  }
  const { build } = await import("vite");
  await build({ configFile: "web/vite.config.mjs", build: { outDir: resolve(dist, "web") } });
}
