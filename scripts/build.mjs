// Builds the package: AssemblyScript kernels -> embedded wasm module -> js and types in dist/. Run by `npm run build`.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";

const run = (file, args) => execFileSync(process.execPath, [file, ...args], { stdio: "inherit" });
if (!process.argv.includes("--kernels-only")) rmSync("dist", { recursive: true, force: true });
run("scripts/build-kernels.mjs", []);
if (!process.argv.includes("--kernels-only")) {
  run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json"]);
  chmodSync("dist/cli/main.js", 0o755);
}
