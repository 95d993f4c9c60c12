/**
 * How far a step is from its floor, operator by operator: multiply-adds as they are really carried out at all parties, what they
 * would take at the kernel's speed with all cores busy, and where the rest of the time goes. Not the clock: that is `src/engine/profile.ts`.
 */
import { availableParallelism } from "node:os";
import type { Profile, ProfileRow } from "../src/engine/index.js";
import { type Plan, stepsOf, wordBytesOf } from "../src/plan/index.js";
import type { ProtocolDefinition } from "../src/protocol/index.js";
import { createKernels, type KernelSets, type Kernels, type WordBytes } from "../src/ring/index.js";
import type { RunReport } from "./party.js";

/** A node's figures at one party in one run. */
export interface NodeReport extends ProfileRow {
  multiplyAdds: number;
}

/** Multiply-adds of a call of each kernel that multiplies words, by its arguments. */
const products: Readonly<Record<string, (args: readonly number[]) => number>> = {
  matmul: ([, , , m, k, n]) => m! * k! * n!,
  matmulIndexed: (args) => args[9]! * args[10]! * args[11]!,
  mul: ([, , , n]) => n!,
  mulAdd: ([, , , n]) => n!,
};

/** One party's: the engine's profile, and products counted where they are carried out, whatever protocol asks for them. */
export class Counter {
  readonly kernels: KernelSets;
  #counting: { profile: Profile; multiplyAdds: number[] } | undefined;

  constructor() {
    const kernels = createKernels();
    this.kernels = { ...this.#counted(kernels), narrow: this.#counted(kernels.narrow) };
  }

  /** The same kernels, of which those that multiply words count. */
  #counted<K extends Kernels>(kernels: K): K {
    const counted = Object.entries(kernels).map(([name, kernel]) => {
      const multiplyAdds = products[name];
      if (!multiplyAdds && name.startsWith("matmul")) throw new Error(`bench: expected ${name} among the products`);
      if (!multiplyAdds) return [name, kernel];
      const counting = (...args: number[]) => {
        this.#count(multiplyAdds(args));
        return kernel(...args);
      };
      return [name, counting];
    });
    return Object.fromEntries(counted);
  }

  #count(multiplyAdds: number): void {
    const { profile, multiplyAdds: counts } = this.#counting ?? {};
    const node = profile?.current;
    if (counts && node !== undefined) counts[node] = (counts[node] ?? 0) + multiplyAdds;
  }

  /** Products count from here on, for the profile's current node. */
  start(profile: Profile): void {
    this.#counting = { profile, multiplyAdds: [] };
  }
  /** By node. */
  stop(): NodeReport[] {
    const { profile, multiplyAdds } = this.#counting!;
    this.#counting = undefined;
    return profile.rows.map((row, node) => ({ ...row, multiplyAdds: multiplyAdds[node] ?? 0 }));
  }
}

/** Nodes of a plan that do the same to values of the same shapes, in one run. */
export interface OperatorRow {
  readonly operator: string;
  readonly nodes: number;
  /** At all parties together. */
  readonly multiplyAdds: number;
  /** What these take at the kernel's speed with all cores busy. */
  readonly floor: number;
  /** Processor time at all parties, over the cores: what it adds to a step if all cores are busy. */
  readonly local: number;
  /** Mean of the parties, on the clock. */
  readonly waiting: number;
  /** Sent by all parties. */
  readonly bytes: number;
}
/** A step in four parts, which add up to `seconds`. */
export interface StepProfile {
  /** By local and waiting time, the largest first. */
  readonly operators: readonly OperatorRow[];
  readonly seconds: number;
  /** Multiply-adds at the kernel's speed, all cores busy. */
  readonly floor: number;
  /** Other local work of operators, over the cores: memory, masks, bits, products that are slower than the kernel's best. */
  readonly work: number;
  /** Processor time outside operators, over the cores: TLS, frames, the engine, V8. */
  readonly around: number;
  /** When cores had nothing to do for us: everyone waited for a message or for the slowest party, or others had the machine. */
  readonly idle: number;
  /** What the busiest link of each exchange carries, added up, but for a dealer's: what rounds ask of a link one after the other. */
  readonly bytesInSequence: number;
  /** On the dealer's busiest link, which waits for no round. 0 without one. */
  readonly bytesDealt: number;
}

/** 10^9 multiply-adds a second of one core, by the bytes of a word. */
export type Speeds = Readonly<Record<WordBytes, number>>;

/**
 * Of several profiled runs, the faster half on average. `speeds`: as calibrated;
 * `processes`: how many the parties have.
 */
export function stepProfile(
  plan: Plan,
  definition: ProtocolDefinition,
  runs: readonly (readonly RunReport[])[],
  speeds: Speeds,
  processes: number,
): StepProfile {
  const { dealer } = definition;
  const time = (reports: readonly RunReport[]) => Math.max(...reports.map((report) => report.seconds));
  const kept = [...runs].sort((a, b) => time(a) - time(b)).slice(0, Math.ceil(runs.length / 2));
  const cores = Math.min(processes, availableParallelism());
  const mean = (of: (reports: readonly RunReport[]) => number) => sum(kept.map(of)) / kept.length;
  const all = (node: number, of: (row: NodeReport) => number) =>
    mean((reports) => sum(reports.map(({ profile }) => (profile?.[node] ? of(profile[node]) : 0))));
  const parties = kept[0]!.length;
  const perSecond = speeds[wordBytesOf(plan)] * 1e9 * cores;
  const rows = new Map<string, OperatorRow>();
  const steps = stepsOf(plan, definition.costs(wordBytesOf(plan)));
  steps.forEach(({ op, inputs }, node) => {
    const shapes = inputs.map((input) => steps[input]!.type.shape.join("x") || "1");
    const operator = [op, ...shapes].join(" ");
    const known = rows.get(operator);
    const multiplyAdds = all(node, (row) => row.multiplyAdds);
    rows.set(operator, {
      operator,
      nodes: (known?.nodes ?? 0) + (node < plan.nodes.length ? 1 : 0),
      multiplyAdds: (known?.multiplyAdds ?? 0) + multiplyAdds,
      floor: (known?.floor ?? 0) + multiplyAdds / perSecond,
      local: (known?.local ?? 0) + all(node, (row) => row.seconds) / cores,
      waiting: (known?.waiting ?? 0) + all(node, (row) => row.waiting) / parties,
      bytes: (known?.bytes ?? 0) + all(node, (row) => row.bytes),
    });
  });
  const operators = [...rows.values()].sort((a, b) => b.local + b.waiting - a.local - a.waiting);
  const total = (of: (row: OperatorRow) => number) => sum(operators.map(of));
  const seconds = mean(time);
  const cpu = mean((reports) => sum(reports.map((report) => report.cpuSeconds))) / (parties / processes);
  const [floor, local] = [total((row) => row.floor), total((row) => row.local)];
  const sent = kept[0]!.map(({ busiest }) => busiest!);
  const inRounds = sent.filter((_, party) => party !== dealer);
  const bytesInSequence = sum(inRounds[0]!.map((_, i) => Math.max(...inRounds.map((busiest) => busiest[i]!))));
  const bytesDealt = sum(dealer === undefined ? [] : sent[dealer]!);
  const parts = { floor, work: local - floor, around: cpu / cores - local, idle: seconds - cpu / cores };
  return { operators, seconds, ...parts, bytesInSequence, bytesDealt };
}

const sum = (list: readonly number[]) => list.reduce((total, each) => total + each, 0);

/** Lines of text: operators that take a hundredth of the step or more, the others together, the whole. */
export function profileText({ operators, seconds, floor, work, around, idle }: StepProfile): string[] {
  const ms = (value: number) => (value * 1000).toFixed(2);
  const percent = (value: number) => `${Math.round((100 * value) / seconds)} %`;
  const row = (name: string, list: readonly OperatorRow[]) => {
    const total = (of: (row: OperatorRow) => number) => sum(list.map(of));
    const [floors, local] = [total((each) => each.floor), total((each) => each.local)];
    const cells = [
      `${total((each) => each.nodes)}`,
      (total((each) => each.multiplyAdds) / 1e6).toFixed(2),
      ms(floors),
      ms(local),
      percent(local),
      ms(total((each) => each.waiting)),
      (total((each) => each.bytes) / 1e6).toFixed(3),
    ];
    return `    ${name.padEnd(44)}${cells.map((cell) => cell.padStart(12)).join("")}`;
  };
  const large = operators.filter(({ local, waiting }) => local + waiting >= seconds / 100);
  const small = operators.filter((each) => !large.includes(each));
  const heads = ["nodes", "M mul-adds", "floor ms", "local ms", "of step", "waits ms", "MB sent"];
  return [
    `    ${"operator".padEnd(44)}${heads.map((head) => head.padStart(12)).join("")}`,
    ...large.map((each) => row(each.operator, [each])),
    ...(small.length > 0 ? [row(`${small.length} others`, small)] : []),
    row("all", operators),
    `    the step of ${ms(seconds)} ms: products at the kernel's speed ${ms(floor)} (${percent(floor)}), other work of operators ${ms(work)} (${percent(work)}), TLS, engine and V8 ${ms(around)} (${percent(around)}), cores idle or with others ${ms(idle)} (${percent(idle)})`,
  ];
}
