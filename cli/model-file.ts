/** The model that a command line names: a file of another framework, or a program of the user's own that exports one. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ImportedModel } from "../src/models/index.js";
import type { Module } from "../src/nn/index.js";
import { CommandError, UsageError } from "./errors.js";

export interface ModelFile {
  readonly model: Module;
  /** The shape of one input, if the file says so. */
  readonly input?: readonly number[];
}

const programs = new Set([".js", ".mjs", ".ts", ".mts"]);
const files = new Set([".onnx", ".h5", ".hdf5", ".keras", ".json"]);

/** Throws UsageError for a kind of file that is none of a model. */
export async function readModelFile(path: string): Promise<ModelFile> {
  const kind = extname(path).toLowerCase();
  if (programs.has(kind)) return readProgram(path);
  if (!files.has(kind))
    throw new UsageError(
      `${path}: expected a model (.onnx, .h5, .keras, model.json), or a program that exports one (.js, .ts), got ${kind || "no ending"}`,
    );
  const bytes = await modelBytes(path);
  const { importModel } = await import("../src/models/index.js");
  const model = kind === ".json" ? await openTfjs(path, bytes) : importModel(bytes);
  const [first] = model.inputs;
  const input = first?.shape.slice(1);
  return { model, ...(input?.every((length) => length !== null) ? { input: input as number[] } : {}) };
}

/** A file's bytes, if they are not more than any model is read from. */
export async function modelBytes(path: string): Promise<Uint8Array> {
  const { defaultMaxBytes } = await import("../src/models/limits.js");
  try {
    // Before it is read: a file may be larger than memory.
    const { size } = await stat(path);
    if (size > defaultMaxBytes)
      throw new CommandError(`${path}: expected a model of at most ${defaultMaxBytes} bytes, got ${size}`);
    return await readFile(path);
  } catch (cause) {
    throw cause instanceof CommandError ? cause : unreadable(path, cause);
  }
}

/** model.json of TensorFlow.js with its shards, which lie beside it and nowhere else. */
export async function openTfjs(path: string, json: Uint8Array): Promise<ImportedModel> {
  const { importTfjs, shardNames } = await import("../src/models/index.js");
  const shards: Record<string, Uint8Array> = {};
  for (const name of shardNames(json)) {
    if (basename(name) !== name || name.startsWith("."))
      throw new CommandError(`${path}: expected shards beside it, got ${name}; try moving them there`);
    shards[name] = await modelBytes(join(dirname(path), name));
  }
  return importTfjs(json, shards);
}

/** `export default nn.sequential(…)`, or a function that makes it. */
async function readProgram(path: string): Promise<ModelFile> {
  let exported: { default?: unknown };
  try {
    exported = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  let model = exported.default;
  if (typeof model === "function" && !("named" in model)) model = await (model as () => unknown)();
  if (typeof model !== "function" || !("named" in model))
    throw new CommandError(
      `${path}: expected a model as its default export, got another; try export default nn.sequential(…)`,
    );
  return { model: model as unknown as Module };
}

const unreadable = (path: string, cause: unknown): CommandError => {
  const code =
    cause instanceof Error && "code" in cause ? String(cause.code) : String((cause as Error)?.message ?? cause);
  return new CommandError(`${path}: expected a model to read, got ${code}; try its path`);
};
