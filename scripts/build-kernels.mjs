// Compiles src/ring/kernels/assembly with AssemblyScript and embeds the module, as base64, in wasm-bytes.gen.ts.
// Does nothing where the generated file was made from the same inputs. Run by scripts/build.mjs.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const kernels = join(root, "src/ring/kernels");
const target = join(kernels, "wasm-bytes.gen.ts");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const flags = [
  ...["-O3", "--converge", "--noAssert", "--runtime", "stub", "--enable", "simd"],
  // The memory is the module's own, exported, and may grow to all of the 32-bit address space.
  ...["--initialMemory", "64", "--maximumMemory", "65536"],
];

/** Everything that decides what comes out: this script, the compiler, the sources. */
function digestOfInputs() {
  const compiler = readFileSync(join(root, "node_modules/assemblyscript/package.json"), "utf8");
  const sources = readdirSync(join(kernels, "assembly")).filter((name) => name.endsWith(".ts"));
  const hash = createHash("sha256");
  hash.update(JSON.parse(compiler).version).update(readFileSync(fileURLToPath(import.meta.url)));
  for (const name of sources.sort()) hash.update(`\0${name}\0`).update(readFileSync(join(kernels, "assembly", name)));
  return hash.digest("hex");
}

async function compile() {
  const { default: asc } = await import("assemblyscript/asc");
  let wasm;
  const { error, stderr } = await asc.main(["index.ts", "--outFile", "kernels.wasm", ...flags], {
    readFile: (name, base) => {
      const path = join(base === "." ? join(kernels, "assembly") : join(kernels, "assembly", base), name);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (name, contents) => {
      if (name.endsWith(".wasm")) wasm = contents;
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`build-kernels: expected a wasm module, got errors\n${stderr}`);
  return wasm;
}

const inputs = digestOfInputs();
if (!(existsSync(target) && readFileSync(target, "utf8").includes(`// inputs ${inputs}\n`))) {
  const wasm = await compile();
  const text = `// Made by scripts/build-kernels.mjs from src/ring/kernels/assembly; do not edit.
// inputs ${inputs}
/** The wasm module of the kernels. */
export const wasmBase64 = "${Buffer.from(wasm).toString("base64")}";
/** SHA-256 of the module: parties compare it before they compute together. */
export const kernelHash = "${sha256(wasm)}";
`;
  // Written beside and renamed, so that a concurrent reader never sees half a file.
  writeFileSync(`${target}.${process.pid}`, text);
  renameSync(`${target}.${process.pid}`, target);
  console.log(`kernels: ${wasm.length} bytes of wasm`);
}
