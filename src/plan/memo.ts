/**
 * Types of nodes that were recorded before, since a loop records the same step for every batch. For recorders only: what a
 * stranger sends is typed every time.
 */
import type { PlanEnv, ValueType } from "../ops/index.js";
import { type TypedNode, typeNode } from "./infer.js";

/** Several networks of a thousand nodes; when there are more, everything is forgotten. */
const mostEntries = 10_000;
/** Of attributes; large constants are not kept. */
const mostText = 1000;

/** By setting, operator, the inputs' types and the attributes: all that a type is a function of. */
const known = new Map<string, TypedNode>();
/** Types are told apart by identity: the same node gives the same object, and so do those that follow it. */
let numbers = new WeakMap<ValueType, number>();
let next = 0;

/** As typeNode; `text` says which attributes are given, `setting` which env. */
export function rememberedType(
  op: string,
  inputs: readonly ValueType[],
  given: Readonly<Record<string, unknown>>,
  text: string,
  env: PlanEnv,
  setting: string,
): TypedNode {
  if (text.length > mostText) return typeNode(op, inputs, given, env);
  let key = setting + op;
  for (const type of inputs) key += `,${numberOf(type)}`;
  key += text;
  let typed = known.get(key);
  if (!typed) {
    typed = typeNode(op, inputs, given, env);
    if (known.size >= mostEntries) {
      known.clear();
      numbers = new WeakMap();
    }
    known.set(key, typed);
  }
  return typed;
}

function numberOf(type: ValueType): number {
  let number = numbers.get(type);
  if (number === undefined) {
    number = next++;
    numbers.set(type, number);
  }
  return number;
}
