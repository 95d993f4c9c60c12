/**
 * Every function over a million points of its domain against float64, and what it costs: rows of the tables in docs/functions.md.
 * Costs are planned ones, which tests hold to be what is measured; no time is taken.
 */
import { type FunctionEntry, functions as table } from "../src/functions/table.js";
import { type AxisEntry, axisFunctions } from "../src/functions/table-axes.js";
import { share } from "../src/ops/build.js";
import type { Ref } from "../src/ops/index.js";
import { planCost, planReveals, Recorder } from "../src/plan/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import { decode, encode } from "../src/ring/index.js";
import { memoryCluster } from "./cluster.js";
import { argumentsOf, type RunPlan, worst } from "./sweep.js";
import { rowsOf, worstRow } from "./sweep-axes.js";

const POINTS = 2 ** 20;
const FRACTIONS = [16, 20] as const;
/** Many enough for every party to take every role. */
const ELEMENTS = 3 * 2 ** 14;
/** Of those functions that go along an axis. */
const LENGTH = 16;

/** What is known of a function without running it. */
export interface FunctionFacts {
  readonly table: "elements" | "axes";
  readonly name: string;
  readonly method: string;
  readonly domain: string;
  /** At 20 fraction bits, by protocol: rounds, and bytes an element of the input that the busiest member sends. */
  readonly costs: readonly { readonly rounds: number; readonly bytes: number }[];
}
export interface FunctionRow extends FunctionFacts {
  /** Largest error by fraction bits; the smaller one of absolute and relative. */
  readonly errors: readonly number[];
}

const isOfElements = (entry: FunctionEntry | AxisEntry): entry is FunctionEntry => "domain" in entry;
/** All that have a row. */
export const listed: readonly (FunctionEntry | AxisEntry)[] = [
  ...table.filter(({ unlisted }) => !unlisted),
  ...axisFunctions,
];

export async function* functionRows({ only }: { only: string }): AsyncGenerator<FunctionRow> {
  const cluster = await memoryCluster("plain");
  for (const entry of listed.filter(({ name }) => name.includes(only))) {
    const errors: number[] = [];
    for (const fraction of FRACTIONS) {
      const run: RunPlan = async (recorded, inputs) => {
        const given = Object.fromEntries(
          Object.entries(inputs).map(([slot, values]) => {
            const words = encode(values, fraction, new BigInt64Array(values.length));
            return [slot, { seeds: [], correction: new Uint8Array(words.buffer) }];
          }),
        );
        const plan = recorded.close();
        const { scale } = planReveals(plan)[0]!.type;
        const [report] = await cluster.run(() => ({ plan: plan.bytes, scalars: {}, inputs: given }));
        return decode(new BigInt64Array(Uint8Array.from(report!.parts[0]!).buffer), scale);
      };
      const miss = isOfElements(entry)
        ? await worst(entry.record, entry.reference, argumentsOf(entry, fraction, POINTS), fraction, run)
        : await worstRow(entry, rowsOf(entry, fraction, POINTS), fraction, run);
      errors.push(miss.error);
    }
    yield { ...functionFacts(entry), errors };
  }
}

export function functionFacts(entry: FunctionEntry | AxisEntry): FunctionFacts {
  const elements = isOfElements(entry);
  return {
    table: elements ? "elements" : "axes",
    name: entry.name,
    method: entry.method,
    domain: entry.domainText,
    costs: ["rep3", "additive-2"].map((protocol) => costOf(entry, protocol)),
  };
}

function costOf(entry: FunctionEntry | AxisEntry, protocol: string): { rounds: number; bytes: number } {
  const fraction = 20;
  const b = new Recorder({ fraction });
  const input = (slot: string, shape: readonly number[]) =>
    b.node("input", [], { slot, shape, scale: fraction, bound: fraction + 15 });
  let y: Ref;
  if (isOfElements(entry)) y = entry.record(b, ...entry.domain(fraction).map((_, i) => input(`x${i}`, [ELEMENTS])));
  else y = entry.record(b, input("x0", [ELEMENTS / LENGTH, LENGTH]));
  b.node("assign", [share(b, y)], { name: "y" });
  const { rounds, bytes } = planCost(b.close(), protocolNamed(protocol));
  return { rounds, bytes: Math.max(...bytes) / ELEMENTS };
}

export const functionHeader = [
  "| function | domain | method | largest error, f = 16 | f = 20 | `rep3`, rounds | bytes | `additive-2`, rounds | bytes |",
  "|---|---|---|---|---|---|---|---|---|",
].join("\n");

/** Cells of a row; without errors for facts. */
export function functionLine({ name, domain, method, costs, ...rest }: FunctionRow | FunctionFacts): string {
  const errors = "errors" in rest ? rest.errors : [];
  const cells = [
    name,
    domain,
    method,
    ...errors.map((error) => (error === 0 ? "exact" : error.toExponential(1))),
    ...costs.flatMap(({ rounds, bytes }) => [rounds, Math.round(bytes)]),
  ];
  // A bar would end the cell.
  return `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
}
