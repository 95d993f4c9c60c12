// Compiles src/ring/kernels/assembly with AssemblyScript and embeds two modules, as base64: all kernels in wasm-bytes.gen.ts, and those
// of a second thread in threads/helper-bytes.gen.ts. Does nothing where both were made from the same inputs. Run by scripts/build.mjs.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const kernels = join(root, "src/ring/kernels");
const target = join(kernels, "wasm-bytes.gen.ts");
const helperTarget = join(kernels, "../threads/helper-bytes.gen.ts");
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

/** `base`: where the scratch areas begin, see scratch.ts. */
async function compile(entry, base) {
  const { default: asc } = await import("assemblyscript/asc");
  let wasm;
  const { error, stderr } = await asc.main([entry, "--outFile", "kernels.wasm", "--use", `BASE=${base}`, ...flags], {
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
const sharedFlag = (wasm) => Buffer.from(wasm).indexOf(memoryImport) + memoryImport.length - 1;
const instance = (wasm, shared) => {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared });
  return new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports;
};

const inputs = digestOfInputs();
const header = `// Made by scripts/build-kernels.mjs from src/ring/kernels/assembly; do not edit.\n// inputs ${inputs}\n`;
if (![target, helperTarget].every((path) => existsSync(path) && readFileSync(path, "utf8").startsWith(header))) {
  const wasm = await compile("index.ts", 0);
  const ofHelper = await compile("helper.ts", instance(wasm, false).heapBase.value);
  const shared = [wasm, ofHelper].map((module) => Uint8Array.from(module).with(sharedFlag(module), 3));
  // Throws if that was not the flag, or not all that such modules need.
  for (const module of shared) instance(module, true);
  write(
    target,
    `/** The wasm module of the kernels. */
export const wasmBase64 = "${Buffer.from(wasm).toString("base64")}";
/** SHA-256 of the module: parties compare it before they compute together. */
export const kernelHash = "${sha256(wasm)}";
/** Where the module says whether its memory is shared: 1, or 3 if it is. */
export const sharedFlag = ${sharedFlag(wasm)};
`,
  );
  write(
    helperTarget,
    `/** The wasm module of a second thread, for shared memory. */
export const helperBase64 = "${Buffer.from(shared[1]).toString("base64")}";
`,
  );
  console.log(`kernels: ${wasm.length} bytes of wasm, ${ofHelper.length} of a second thread's`);
}

/** Beside it and renamed, so that a concurrent reader never sees half a file. */
function write(path, text) {
  writeFileSync(`${path}.${process.pid}`, header + text);
  renameSync(`${path}.${process.pid}`, path);
}
