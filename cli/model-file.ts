/** The model that a command line names: a file of another framework, or a program of the user's own that exports one. */
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Module } from "../src/nn/index.js";
import { CommandError, UsageError } from "./errors.js";

export interface ModelFile {
  readonly model: Module;
  /** The shape of one input, if the file says so. */
  readonly input?: readonly number[];
}

const programs = new Set([".js", ".mjs", ".ts", ".mts"]);

/** Throws UsageError for a kind of file that is none of a model. */
export async function readModelFile(path: string): Promise<ModelFile> {
  const kind = extname(path).toLowerCase();
  if (programs.has(kind)) return readProgram(path);
  if (kind !== ".onnx")
    throw new UsageError(
      `${path}: expected a model (.onnx), or a program that exports one (.js, .ts), got ${kind || "no ending"}`,
    );
  const { importOnnx } = await import("../src/models/index.js");
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const model = importOnnx(bytes);
  const [first] = model.inputs;
  const input = first?.shape.slice(1);
  return { model, ...(input?.every((length) => length !== null) ? { input: input as number[] } : {}) };
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
