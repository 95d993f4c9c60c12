// Builds the package: AssemblyScript kernels -> embedded wasm module -> js and types in dist/, the browser's client as one file, and
// the demo's page. Run by `npm run build`.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";

const run = (file, args) => execFileSync(process.execPath, [file, ...args], { stdio: "inherit" });
if (!process.argv.includes("--kernels-only")) rmSync("dist", { recursive: true, force: true });
run("scripts/build-kernels.mjs", []);
if (!process.argv.includes("--kernels-only")) {
  run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json"]);
  chmodSync("dist/cli/main.js", 0o755);
  const { bundleBrowser } = await import("./bundle-browser.mjs");
  const { code, integrity } = await bundleBrowser();
  mkdirSync("dist/browser");
  writeFileSync("dist/browser/secretgrad.js", code);
  writeFileSync("dist/browser/secretgrad.js.integrity", `${integrity}\n`);
  const { build } = await import("vite");
  await build({ configFile: "web/vite.config.mjs" });
}
