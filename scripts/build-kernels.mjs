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
  // The memory is imported, so that two threads can compute in one, and may grow to all of the 32-bit address space.
  ...["--importMemory", "--initialMemory", "64", "--maximumMemory", "65536"],
];
/** The import of the memory up to its flags: the names, each after its length, "a memory", "with a maximum" (1; shared: 3). */
const memoryImport = Buffer.from("\x03env\x06memory\x02\x01", "latin1");

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

/** The offset of the one byte that is another in a module for shared memory. */
function sharedFlag(wasm) {
  const at = Buffer.from(wasm).indexOf(memoryImport) + memoryImport.length - 1;
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  // Throws if that is not the flag, or not all that such a module needs.
  new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(wasm).with(at, 3)), { env: { memory, shift: 0 } });
  return at;
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
/** Where the module says whether its memory is shared: 1, or 3 if it is. */
export const sharedFlag = ${sharedFlag(wasm)};
`;
  // Written beside and renamed, so that a concurrent reader never sees half a file.
  writeFileSync(`${target}.${process.pid}`, text);
  renameSync(`${target}.${process.pid}`, target);
  console.log(`kernels: ${wasm.length} bytes of wasm`);
}
