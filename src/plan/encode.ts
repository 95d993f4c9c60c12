/**
 * A plan's wire form and its strict reading: a plan is input from a stranger, so every node is validated and re-typed, and
 * one plan has one form. Not a policy: whether a well-formed plan may run is `party/policy.ts`.
 */
import { createHash } from "node:crypto";
import { PlanError, SecretgradError } from "../errors.js";
import { type PlanEnv, sinks, type ValueType } from "../ops/index.js";
import { size } from "../ring/index.js";
import { checkNeeded, checkPlan } from "./check.js";
import { quoted, typeNode } from "./infer.js";
import type { Plan, PlanNode } from "./plan.js";
import { fits, mostFraction, mostIntegerBits, productsFit } from "./word-size.js";

export interface PlanLimits {
  readonly maxBytes: number;
  readonly maxNodes: number;
  readonly maxElements: number;
}
export const defaultLimits: PlanLimits = { maxBytes: 4 << 20, maxNodes: 20_000, maxElements: 1 << 26 };
const fields = "secretgrad,fraction,integerBits,wordBits,nodes";
/** Of one node: concat takes any number. */
const mostInputs = 1024;

export function encodePlan(env: PlanEnv, nodes: readonly PlanNode[]): Plan {
  const bytes = new TextEncoder().encode(textOf(env, nodes));
  return { env, nodes, bytes, digest: digestOf(bytes) };
}

function textOf(env: PlanEnv, nodes: readonly PlanNode[]): string {
  const list = nodes.map(({ op, inputs, attrs }) => [op, inputs, attrs]);
  const { fraction, integerBits, wordBits } = env;
  return JSON.stringify({ secretgrad: 1, fraction, integerBits, wordBits, nodes: list });
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Throws PlanError (or the operator's own named error) on anything that is not a well-typed plan within the limits. */
export function decodePlan(bytes: Uint8Array, limits: PlanLimits = defaultLimits): Plan {
  if (bytes.length > limits.maxBytes)
    throw new PlanError(`plan: expected at most ${limits.maxBytes} bytes, got ${bytes.length}; try smaller constants`);
  const [text, json] = parse(bytes);
  const { env, list } = readOuter(json, limits);
  const nodes: PlanNode[] = [];
  let elements = 0;
  for (const item of list) {
    const node = readNode(item, nodes, env);
    elements += size(node.type.shape);
    if (elements > limits.maxElements)
      throw new PlanError(
        `plan node ${nodes.length} (${node.op}): expected at most ${limits.maxElements} elements in all values, got more; try smaller batches`,
      );
    nodes.push(node);
  }
  checkNeeded(nodes, sinks);
  checkPlan(nodes);
  checkWordSize(nodes, env);
  // Duplicate keys, white space, other orders or spellings of numbers: all gone after parsing, so compare what is left.
  if (textOf(env, nodes) !== text)
    throw new PlanError("plan: expected the one canonical form, got another spelling of it; try encodePlan");
  return { env, nodes, bytes, digest: digestOf(bytes) };
}

/** A plan has no deeper lists, and no brackets in its texts; deeper ones would only cost time. */
const mostDepth = 6;

function checkDepth(bytes: Uint8Array): void {
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    // Without bit 0x20: "[" and "{" are 0x5b, "]" and "}" are 0x5d.
    const bracket = bytes[i]! & 0xdf;
    if (bracket === 0x5b) depth++;
    else if (bracket === 0x5d) depth--;
    if (depth > mostDepth)
      throw new PlanError(`plan: expected at most ${mostDepth} levels of brackets, got more; try encodePlan`);
  }
}

function parse(bytes: Uint8Array): [string, unknown] {
  checkDepth(bytes);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return [text, JSON.parse(text)];
  } catch (error) {
    throw new PlanError("plan: expected UTF-8 JSON, got something else; try encodePlan", { cause: error });
  }
}

/** Numbers that do not fit would be wrong in silence. */
function checkWordSize(nodes: readonly PlanNode[], env: PlanEnv): void {
  const at = nodes.findIndex((node) => !fits(node, env));
  if (at < 0) return;
  const { op, type } = nodes[at]!;
  throw new PlanError(
    `plan node ${at} (${op}): expected what fits words of 32 bits, got a bound of ${type.bound} at scale ${type.scale}; try words of 64 bits`,
  );
}

function readOuter(json: unknown, limits: PlanLimits): { env: PlanEnv; list: readonly unknown[] } {
  if (!isRecord(json)) throw malformed("an object", json);
  const keys = Object.keys(json).join();
  if (keys !== fields) throw new PlanError(`plan: expected the fields ${fields}, got ${quoted(keys)}; try encodePlan`);
  const { secretgrad, fraction, integerBits, wordBits, nodes } = json;
  if (secretgrad !== 1) throw malformed("format 1", secretgrad);
  if (!isNatural(fraction) || fraction < 1 || fraction > mostFraction)
    throw malformed(`1 to ${mostFraction} fraction bits`, fraction);
  if (!isNatural(integerBits) || integerBits < 1 || integerBits > mostIntegerBits)
    throw malformed(`1 to ${mostIntegerBits} integer bits`, integerBits);
  if (wordBits !== 64 && !(wordBits === 32 && productsFit(fraction, integerBits)))
    throw malformed("words of 64 bits, or of 32 where products fit", wordBits);
  if (!Array.isArray(nodes)) throw malformed("a list of nodes", nodes);
  if (nodes.length > limits.maxNodes)
    throw new PlanError(`plan: expected at most ${limits.maxNodes} nodes, got ${nodes.length}; try several plans`);
  return { env: { fraction, integerBits, wordBits }, list: nodes };
}

function readNode(item: unknown, nodes: readonly PlanNode[], env: PlanEnv): PlanNode {
  if (!Array.isArray(item) || item.length !== 3) throw malformed("nodes of [operator, inputs, attributes]", item);
  const [op, inputs, attrs] = item as [unknown, unknown, unknown];
  if (typeof op !== "string") throw malformed("an operator's name", op);
  const at = `plan node ${nodes.length} (${quoted(op)})`;
  if (!Array.isArray(inputs) || inputs.length > mostInputs)
    throw new PlanError(`${at}: expected a list of at most ${mostInputs} inputs, got something else; try fewer`);
  const types = inputs.map((id: unknown): ValueType => {
    const input = isNatural(id) ? nodes[id] : undefined;
    if (!input) throw new PlanError(`${at}: expected inputs before it, got another; try a plan without cycles`);
    return input.type;
  });
  if (!isRecord(attrs)) throw new PlanError(`${at}: expected attributes, got ${kindOf(attrs)}; try {}`);
  try {
    return { op, inputs: inputs as number[], ...typeNode(op, types, attrs, env) };
  } catch (error) {
    if (error instanceof SecretgradError) throw error;
    throw new PlanError(`${at}: expected a node that can be typed, got an internal error; try recording it anew`, {
      cause: error,
    });
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const kindOf = (value: unknown): string =>
  Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
const malformed = (expected: string, got: unknown): PlanError =>
  new PlanError(`plan: expected ${expected}, got ${typeof got === "number" ? got : kindOf(got)}; try encodePlan`);
