/**
 * Which masks are open while a plan runs, for the cost of protocols that open one a value (MaskCosts). Not the masks: those
 * belong to the protocol, and a test holds this account against them.
 */
import { isOne, type Look, type OpName, operator } from "../ops/index.js";
import { type Cost, freeOfCharge, type MaskCosts, opening } from "../protocol/index.js";
import { size } from "../ring/index.js";
import type { PlanNode } from "./plan.js";

/** Operators whose result is their input itself, as it is of a multiplication by the word 1. */
const aliases: ReadonlySet<string> = new Set<OpName>(["narrow", "reshape"]);

export class Masks {
  /** By node: the value of which it is another form. */
  readonly #origins: number[];
  /** By node: the input that it is itself, under whatever shape or scale; undefined if it is another value. */
  readonly #aliases: (number | undefined)[];
  /** In which round a value was opened: whoever looks at it then waits for that round's end, too. */
  readonly #opened = new Map<number, number>();

  constructor(
    private readonly nodes: readonly PlanNode[],
    private readonly masks: MaskCosts,
  ) {
    this.#origins = nodes.map((_, id) => id);
    this.#aliases = nodes.map((node) => this.#aliasOf(node));
    nodes.forEach(({ op, inputs, type }, id) => {
      const shares = inputs.filter((input) => nodes[input]!.type.kind === "share");
      const [only] = shares;
      const same = operator(op)!.layout || this.#aliases[id] !== undefined;
      const moved = same && type.kind === "share" && shares.length === 1;
      if (moved && size(nodes[only!]!.type.shape) === size(type.shape)) this.#origins[id] = this.#origins[only!]!;
    });
  }

  /** What node `id` costs when it starts in this round, for which it costs `own` if it finds all masks open. */
  look(id: number, looks: readonly Look[], own: Cost, round: number): Cost {
    const node = this.nodes[id]!;
    let cost = own;
    let waits = false;
    const openings: Cost[] = [];
    for (const { input, as } of looks) {
      const value = node.inputs[input]!;
      const origin = this.#origins[value]!;
      const n = size(this.nodes[value]!.type.shape);
      if (
        as === "selected" &&
        this.masks.selectsSigns?.(n) &&
        this.#comparedBy(node.inputs[0]!) === this.#same(value)
      ) {
        cost = freeOfCharge(own.bytes.length);
        continue;
      }
      const opened = this.#opened.get(origin);
      if (opened !== undefined) {
        waits ||= opened === round;
        continue;
      }
      const shift = this.#truncatedBy(value);
      if (shift !== undefined && as === "selected") cost = this.masks.selectRounded(n, shift, id);
      else if (shift !== undefined && typeof as === "object" && this.masks.rounded(shift, as.width)) {
        if (node.op === "isNegative") cost = this.masks.msbRounded?.(n, as.width) ?? own;
      } else {
        this.#opened.set(origin, round);
        openings.push(this.masks.open(n));
      }
    }
    return waits || openings.length > 0 ? opening(cost, ...openings) : cost;
  }

  #aliasOf({ op, inputs }: PlanNode): number | undefined {
    if (aliases.has(op)) return inputs[0];
    if (op !== "mul") return undefined;
    const one = inputs.findIndex((input) => isOne(this.nodes[input]!));
    return one < 0 ? undefined : inputs[1 - one];
  }

  /** The node whose value it is, whatever the shape. */
  #same(id: number): number {
    const alias = this.#aliases[id];
    return alias === undefined ? id : this.#same(alias);
  }
  /** The value of which bits are the sign or the opposite. */
  #comparedBy(id: number): number | undefined {
    const { op, inputs } = this.nodes[id]!;
    if (op === "not" || aliases.has(op)) return this.#comparedBy(inputs[0]!);
    return op === "isNegative" ? this.#same(inputs[0]!) : undefined;
  }

  /** By how much a value was truncated to come about, under whatever shape. */
  #truncatedBy(id: number): number | undefined {
    const { op, attrs } = this.nodes[this.#same(id)]!;
    return op === "truncate" ? (attrs.shift as number) : undefined;
  }
}
