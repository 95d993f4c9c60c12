/** The model that a command line names: a file of another framework, or a program of the user's own that exports one. */
import { readFile, stat } from "node:fs/promises";
import { dirname, extname, join, resolve } from "node:path";
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
  await checkSizes(path, [path], defaultMaxBytes);
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Before anything is read: files may be larger than memory, alone or together. */
async function checkSizes(model: string, paths: readonly string[], most: number): Promise<void> {
  let total = 0;
  for (const path of paths) {
    try {
      total += (await stat(path)).size;
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (total > most)
      throw new CommandError(`${model}: expected a model of at most ${most} bytes, got ${total} or more`);
  }
}

/** model.json of TensorFlow.js with its shards, which lie beside it and nowhere else. */
export async function openTfjs(path: string, json: Uint8Array): Promise<ImportedModel> {
  const { importTfjs, shardNames } = await import("../src/models/index.js");
  const shards: Record<string, Uint8Array> = {};
  const { defaultMaxBytes } = await import("../src/models/limits.js");
  const names = shardNames(json);
  const places = names.map((name) => join(dirname(path), name));
  await checkSizes(path, places, defaultMaxBytes);
  for (const [i, name] of names.entries()) shards[name] = await modelBytes(places[i]!);
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
