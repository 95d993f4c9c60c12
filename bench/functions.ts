/**
 * Every function over a million points of its domain against float64, and what it costs: rows of the table in docs/functions.md.
 * Costs are planned ones, which tests hold to be what is measured; no time is taken.
 */
import { type FunctionEntry, functions as table } from "../src/functions/table.js";
import { share } from "../src/ops/build.js";
import { planCost, planReveals, Recorder } from "../src/plan/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import { decode, encode } from "../src/ring/index.js";
import { memoryCluster } from "./cluster.js";
import { argumentsOf, type RunPlan, worst } from "./sweep.js";

const POINTS = 2 ** 20;
const FRACTIONS = [16, 20] as const;
/** Many enough for every party to take every role. */
const ELEMENTS = 3 * 2 ** 14;

interface FunctionRow {
  readonly name: string;
  readonly method: string;
  readonly domain: string;
  /** Largest error by fraction bits; the smaller one of absolute and relative. */
  readonly errors: readonly number[];
  /** At 20 fraction bits: rounds, and bytes an element that the busiest member sends. */
  readonly costs: readonly { readonly rounds: number; readonly bytes: number }[];
}

export async function* functionRows({ only }: { only: string }): AsyncGenerator<FunctionRow> {
  const cluster = await memoryCluster("plain");
  for (const entry of table.filter(({ name }) => name.includes(only))) {
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
      const miss = await worst(entry.record, entry.reference, argumentsOf(entry, fraction, POINTS), fraction, run);
      errors.push(miss.error);
    }
    const costs = ["rep3", "additive-2"].map((protocol) => costOf(entry, protocol));
    yield { name: entry.name, method: entry.method, domain: entry.domainText, errors, costs };
  }
}

function costOf(entry: FunctionEntry, protocol: string): { rounds: number; bytes: number } {
  const fraction = 20;
  const b = new Recorder({ fraction });
  const inputs = entry
    .domain(fraction)
    .map((_, i) => b.node("input", [], { slot: `x${i}`, shape: [ELEMENTS], scale: fraction, bound: fraction + 15 }));
  b.node("assign", [share(b, entry.record(b, ...inputs))], { name: "y" });
  const { rounds, bytes } = planCost(b.close(), protocolNamed(protocol));
  return { rounds, bytes: Math.max(...bytes) / ELEMENTS };
}

export const functionHeader = [
  "| function | domain | method | largest error, f = 16 | f = 20 | `rep3`, rounds | bytes | `additive-2`, rounds | bytes |",
  "|---|---|---|---|---|---|---|---|---|",
].join("\n");

export function functionLine({ name, domain, method, errors, costs }: FunctionRow): string {
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
