/**
 * Every primitive that communicates, with inputs and declared cost: the table over which the conformance suite runs.
 * Not the checks themselves, see conformance.ts.
 */

import {
  type Bilinear,
  type Bits,
  type Cost,
  type Costs,
  freeOfCharge,
  inSequence,
  type MaskCosts,
  opening,
  type Product,
  type ProtocolDefinition,
  parallel,
  type Rounds,
  type Share,
  type Site,
  type StageCosts,
  sideBySide,
} from "../../src/protocol/index.js";
import { expander } from "../../src/random/index.js";
import type { Block, Ring } from "../../src/ring/index.js";
import { bytesFrom, computing, costsOf, type End, free, type Lab, share, wordBitsOf } from "./harness.js";
import { theorem, WEIGHTS } from "./theorem.js";

/** One primitive with its parameters. */
export interface Case {
  readonly name: string;
  start(end: End, site: Site, inputs: Inputs): Rounds<unknown>;
  /** Of how many primitives it consists; 1 if undefined. */
  readonly nonces?: number;
  /** What must have happened to the inputs first; by default nothing has. */
  before?(lab: Lab, inputs: Inputs): Partial<Inputs>;
  cost(costs: Costs, n: number, pivot: number): Cost;
  /** Opens a value: its messages are not masked, but part of a fresh sharing. */
  readonly opens?: boolean;
  /** Its messages are planes of bits. */
  readonly onPlanes?: boolean;
  /** The pivot's result is computed from what it receives and must change with it. */
  readonly pivotComputes?: boolean;
}

/** With the mask of an input that nobody has looked at before. */
export function opened({ masks }: Costs, n: number, cost: Cost): Cost {
  return masks ? opening(cost, masks.open(n)) : cost;
}

/** Inputs of n elements for every case, by party. */
export interface Inputs {
  readonly n: number;
  readonly x: readonly Share[];
  readonly y: readonly Share[];
  readonly lifted: readonly Product[];
  readonly product: readonly Product[];
  readonly bit: readonly Bits[];
  readonly planes: readonly Bits[];
  /** In every party's memory, for `input`. */
  readonly words: readonly Block[];
}
export const PLANES = 3;

export function casesOf(definition: ProtocolDefinition): Case[] {
  const everyone = computing(definition);
  const { masks, stages } = costsOf(definition);
  const bits = wordBitsOf(definition);
  // Keys come as words, not as planes.
  const keys = masks?.msbRounded !== undefined;
  return [
    {
      name: "product",
      start: (end, site, { x, n }) => end.protocol.product(site, x[end.self]!, x[end.self]!, n, times(end.ring, n)),
      cost: (costs, n, pivot) => opened(costs, n, costs.product(n, pivot)),
    },
    {
      name: "separable",
      start: (end, site, { x }) => end.protocol.separable(site, x[end.self]!, theorem(end.ring, site.scope)),
      cost: (costs, n, pivot) => opened(costs, n, costs.separable(n, 3, 2, pivot)),
    },
    {
      name: "product of two values",
      start: (end, site, { x, y, n }) => end.protocol.product(site, x[end.self]!, y[end.self]!, n, times(end.ring, n)),
      cost: (costs, n, pivot) => opened(costs, n, opened(costs, n, costs.product(n, pivot))),
    },
    {
      name: "reshare",
      start: (end, site, { product }) => end.protocol.reshare(site, product[end.self]!),
      cost: (costs, n, pivot) => costs.reshare(n, pivot),
      pivotComputes: true,
    },
    ...[1, 16, 20, bits - 3].map(
      (shift): Case => ({
        name: `truncate by ${shift}`,
        start: (end, site, { lifted }) => end.protocol.truncate(site, lifted[end.self]!, shift),
        cost: (costs, n, pivot) => costs.truncate(n, shift, pivot),
        pivotComputes: true,
      }),
    ),
    {
      name: "and",
      onPlanes: true,
      start: (end, site, { planes }) => end.protocol.and(site, planes[end.self]!, planes[end.self]!),
      cost: (costs, n, pivot) => costs.and(n, PLANES, pivot),
      pivotComputes: true,
    },
    ...[2, 16, ...(bits === 64 ? [32, 37] : [20]), bits].map(
      (width): Case => ({
        name: `msb at width ${width}`,
        onPlanes: !keys,
        start: (end, site, { x }) => end.protocol.msb(site, x[end.self]!, width),
        cost: (costs, n, pivot) => opened(costs, n, costs.msb(n, width, pivot)),
        pivotComputes: true,
      }),
    ),
    ...[1, bits / 2, bits].map(
      (width): Case => ({
        name: `isZero at width ${width}`,
        onPlanes: true,
        start: (end, site, { x }) => end.protocol.isZero(site, x[end.self]!, width),
        cost: (costs, n, pivot) => opened(costs, n, costs.isZero(n, width, pivot)),
        pivotComputes: true,
      }),
    ),
    ...[1, 20, bits].map(
      (width): Case => ({
        name: `toBits at width ${width}`,
        onPlanes: true,
        start: (end, site, { x }) => end.protocol.toBits(site, x[end.self]!, width),
        cost: (costs, n, pivot) => opened(costs, n, costs.toBits(n, width, pivot)),
      }),
    ),
    {
      name: "fromBits",
      start: (end, site, { bit }) => end.protocol.fromBits(site, bit[end.self]!),
      cost: (costs, n, pivot) => costs.fromBits(n, pivot),
      pivotComputes: true,
    },
    {
      name: "weigh",
      start: (end, site, { planes }) => end.protocol.weigh(site, planes[end.self]!, WEIGHTS),
      cost: (costs, n, pivot) => costs.weigh(n, PLANES, WEIGHTS.length, pivot),
    },
    {
      name: "select",
      start: (end, site, { bit, x }) => end.protocol.select(site, bit[end.self]!, x[end.self]!),
      cost: (costs, n, pivot) => opened(costs, n, costs.select(n, pivot)),
      pivotComputes: true,
    },
    ...everyone.map(
      (owner): Case => ({
        name: `input of party ${owner}`,
        start: (end, site, { words, n }) =>
          end.protocol.input(site, owner, end.self === owner ? words[owner] : undefined, n),
        cost: (costs, n) => costs.input(n, owner),
      }),
    ),
    ...(masks ? afterLooks(masks, definition) : []),
    ...(stages ? betweenStages(stages) : []),
    {
      name: "reveal",
      start: (end, site, { x }) => end.protocol.reveal(site, x[end.self]!),
      cost: (costs, n) => costs.reveal(n),
      opens: true,
    },
    ...everyone.map(
      (to): Case => ({
        name: `reveal to party ${to}`,
        start: (end, site, { x }) => end.protocol.revealTo(site, x[end.self]!, to),
        cost: (costs, n) => costs.revealTo(n, to),
        opens: true,
      }),
    ),
  ];
}

const SHIFT = 16;

/** Signs, zeros and maps of what the first stage of a truncation leaves, while the second one goes on; the result is what was seen. */
function betweenStages({ begin, end, pivotBetween }: StageCosts): Case[] {
  const width = 16;
  const looks = {
    msb: (costs: Costs, n: number, pivot: number) => costs.msb(n, width, pivot),
    isZero: (costs: Costs, n: number, pivot: number) => costs.isZero(n, width, pivot),
  };
  return (["msb", "isZero"] as const).map((look) => ({
    name: `${look} between the stages of a truncation`,
    nonces: 3,
    onPlanes: true,
    *start({ self, protocol }, site, { lifted }) {
      const stages = protocol.stages!;
      const begun = yield* stages.begin(site, lifted[self]!, SHIFT);
      const [bits, whole] = yield* parallel<unknown>([protocol[look](site, begun, width), stages.end(site, begun)]);
      for (const value of [begun, whole as Share]) protocol.free(site.scope, value);
      return bits;
    },
    cost: (costs, n, pivot) =>
      inSequence(begin(n, SHIFT, pivot), sideBySide(looks[look](costs, n, pivotBetween(pivot)), end(n, SHIFT, pivot))),
  }));
}

/** What is cheaper, or takes another way, since something has looked at the value before. */
function afterLooks(masks: MaskCosts, definition: ProtocolDefinition): Case[] {
  const { parties } = definition;
  const bits = wordBitsOf(definition);
  const width = bits / 2;
  /** The most that a truncation leaves to see. */
  const left = bits - SHIFT;
  const truncated = (lab: Lab, { lifted }: Inputs) =>
    lab.call((end, site) => end.protocol.truncate(site, lifted[end.self]!, SHIFT)).values;
  const signs = (lab: Lab, x: readonly Share[]) =>
    lab.call((end, site) => end.protocol.msb(site, x[end.self]!, width)).values;
  const select: Case["start"] = (end, site, { bit, x }) => end.protocol.select(site, bit[end.self]!, x[end.self]!);
  const ownSign = (n: number, else_: Cost) => (masks.selectsSigns?.(n) ? freeOfCharge(parties) : else_);
  return [
    {
      name: "product of a value with an open mask",
      before(lab, inputs) {
        const x = anew(lab, inputs.x);
        const once = lab.call((end, site) =>
          end.protocol.product(site, x[end.self]!, x[end.self]!, inputs.n, times(end.ring, inputs.n)),
        ).values;
        free(lab, once);
        return { x };
      },
      start: (end, site, { x, n }) => end.protocol.product(site, x[end.self]!, x[end.self]!, n, times(end.ring, n)),
      cost: (costs, n, pivot) => costs.product(n, pivot),
    },
    {
      name: "msb after a truncation",
      before: (lab, inputs) => ({ x: truncated(lab, inputs) }),
      onPlanes: masks.msbRounded === undefined,
      start: (end, site, { x }) => end.protocol.msb(site, x[end.self]!, left),
      cost: (costs, n, pivot) => masks.msbRounded?.(n, left) ?? costs.msb(n, left, pivot),
    },
    {
      name: "select after a truncation",
      before: (lab, inputs) => ({ x: truncated(lab, inputs) }),
      start: select,
      cost: (_, n, pivot) => masks.selectRounded(n, SHIFT, pivot),
    },
    {
      name: "select by the opposite of the value's own sign",
      before(lab, inputs) {
        const x = anew(lab, inputs.x);
        const bits = signs(lab, x);
        const bit = lab.call((end, site) => end.protocol.not(site, bits[end.self]!)).values;
        free(lab, bits);
        return { x, bit };
      },
      start: select,
      cost: (costs, n, pivot) => ownSign(n, costs.select(n, pivot)),
    },
    {
      name: "select by the value's own sign after a truncation",
      before(lab, inputs) {
        const x = truncated(lab, inputs);
        return { x, bit: signs(lab, x) };
      },
      start: select,
      cost: (_, n, pivot) => ownSign(n, masks.selectRounded(n, SHIFT, pivot)),
    },
  ];
}

/** x * y, element by element. */
export const times =
  (ring: Ring, n: number): Bilinear =>
  (dst, x, y, accumulate) =>
    ring.kernels[accumulate ? "mulAdd" : "mul"](dst.ptr, x.ptr, y.ptr, n);

/** Inputs from words: shared by an outsider, or by party `owner` or as public words, which leaves components that are zero. */
export function makeInputs(lab: Lab, words: BigUint64Array, owner?: number | "public"): Inputs {
  const n = words.length;
  const blocks = lab.ends.map((end) => {
    const block = end.scope.alloc(n);
    end.ring.setWords(block, new BigInt64Array(words.buffer));
    return block;
  });
  const x =
    owner === undefined
      ? share(lab, words)
      : lab.call((end, site) =>
          owner === "public"
            ? end.protocol.fromPublic(site, blocks[end.self]!)
            : end.protocol.input(site, owner, end.self === owner ? blocks[owner] : undefined, n),
        ).values;
  const each = <T>(make: (end: End, site: Site) => Rounds<T> | T) => lab.call(make).values;
  return {
    n,
    x,
    y: share(lab, someWords(n, wordBitsOf(lab.definition) - 2, "other words"), "other share"),
    words: blocks,
    lifted: each((end, site) => end.protocol.lift(site, x[end.self]!)),
    product: each((end, site) => end.protocol.product(site, x[end.self]!, x[end.self]!, n, times(end.ring, n))),
    bit: each((end, site) => end.protocol.toBits(site, x[end.self]!, 1)),
    planes: each((end, site) => end.protocol.toBits(site, x[end.self]!, PLANES)),
  };
}

/** The same shares with no memory of what was done with them before: a protocol may have opened a mask. */
const anew = (lab: Lab, x: readonly Share[]): Share[] =>
  lab.ends.map(({ protocol, scope, self }) => protocol.load(scope, protocol.save(x[self]!)));

/** Inputs as the case wants them. */
export function prepare(lab: Lab, one: Case, inputs: Inputs): Inputs {
  return { ...inputs, ...(one.before?.(lab, inputs) ?? { x: anew(lab, inputs.x), y: anew(lab, inputs.y) }) };
}
/** Frees what `prepare` made. */
export function freePrepared(lab: Lab, prepared: Inputs, inputs: Inputs): void {
  for (const kind of ["x", "y", "bit"] as const) if (prepared[kind] !== inputs[kind]) free(lab, prepared[kind]);
}

export function freeInputs(lab: Lab, { x, y, lifted, product, bit, planes, words }: Inputs): void {
  free(lab, x, y, lifted, product, bit, planes);
  for (const end of lab.ends) end.scope.free(words[end.self]!);
}

/** n reproducible words, of which only the low `bits` bits vary, sign-extended. */
export function someWords(n: number, bits = 64, text = "words"): BigUint64Array {
  const words = new BigUint64Array(n);
  expander(bytesFrom(text))(0, new Uint8Array(words.buffer));
  if (bits < 64) for (let i = 0; i < n; i++) words[i] = BigInt.asUintN(64, BigInt.asIntN(bits, words[i]!));
  return words;
}

/** 0, ±1, ±(2^(bits-1) - 1), then random words below 2^(bits-1) in size. */
export function edgesAndRandom(n: number, bits: number, text?: string): BigUint64Array {
  const words = someWords(n, bits, text);
  const largest = (1n << BigInt(bits - 1)) - 1n;
  const edges = [0n, 1n, -1n, largest, -largest];
  for (const [index, edge] of edges.entries())
    if (index < n) words[index] = BigInt.asUintN(64, BigInt.asIntN(bits, edge));
  return words;
}
