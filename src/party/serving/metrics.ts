/** Counts of what a party serves, in the text format of Prometheus (version 0.0.4). Names, numbers and times only; no library. */
import type { Reason } from "../../serving/wire.js";

/** Upper ends in seconds. */
const LATENCIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

class Histogram {
  readonly #counts: number[];
  #sum = 0;
  #count = 0;
  constructor(readonly ends: readonly number[]) {
    this.#counts = ends.map(() => 0);
  }
  add(value: number): void {
    const at = this.ends.findIndex((end) => value <= end);
    if (at >= 0) this.#counts[at]!++;
    this.#sum += value;
    this.#count++;
  }
  lines(name: string, label: string): string[] {
    let below = 0;
    return [
      ...this.ends.map((end, i) => {
        below += this.#counts[i]!;
        return `${name}_bucket{${label},le="${end}"} ${below}`;
      }),
      `${name}_bucket{${label},le="+Inf"} ${this.#count}`,
      `${name}_sum{${label}} ${this.#sum}`,
      `${name}_count{${label}} ${this.#count}`,
    ];
  }
}

/** What is asked when somebody looks. */
export interface Gauges {
  readonly connections: number;
  readonly waiting: number;
  readonly inSession: boolean;
  readonly ringBytes: number;
}

export class Metrics {
  readonly #answers = new Map<string, number>();
  readonly #denials = new Map<string, number>();
  readonly #seconds = new Map<string, Histogram>();
  readonly #rows = new Map<string, Histogram>();

  answered(model: string, seconds: number): void {
    this.#answers.set(model, (this.#answers.get(model) ?? 0) + 1);
    histogram(this.#seconds, model, LATENCIES).add(seconds);
  }
  /** `model` is undefined where the caller did not show that it may know one. */
  denied(model: string | undefined, reason: Reason): void {
    const labels = `model="${model ?? ""}",reason="${reason}"`;
    this.#denials.set(labels, (this.#denials.get(labels) ?? 0) + 1);
  }
  batch(model: string, rows: number): void {
    histogram(this.#rows, model, ROWS).add(rows);
  }

  text({ connections, waiting, inSession, ringBytes }: Gauges): string {
    const gauge = (name: string, help: string, value: number) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      `${name} ${value}`,
    ];
    const { user, system } = process.cpuUsage();
    const counter = (name: string, help: string, lines: readonly string[]) => [
      `# HELP secretgrad_${name} ${help}`,
      `# TYPE secretgrad_${name} counter`,
      ...lines.map((line) => `secretgrad_${name}${line}`),
    ];
    const histograms = (name: string, help: string, map: ReadonlyMap<string, Histogram>) => [
      `# HELP secretgrad_${name} ${help}`,
      `# TYPE secretgrad_${name} histogram`,
      ...[...map].flatMap(([model, each]) => each.lines(`secretgrad_${name}`, `model="${model}"`)),
    ];
    return `${[
      ...gauge("secretgrad_session_up", "Whether all parties are in session.", inSession ? 1 : 0),
      ...gauge("secretgrad_client_connections", "Open connections of clients.", connections),
      ...gauge("secretgrad_queries_waiting", "Queries without an answer yet.", waiting),
      ...gauge("secretgrad_ring_memory_bytes", "Memory for shares.", ringBytes),
      ...gauge("process_resident_memory_bytes", "Resident memory of the process.", process.memoryUsage.rss()),
      "# HELP process_cpu_seconds_total Processor time of the process.",
      "# TYPE process_cpu_seconds_total counter",
      `process_cpu_seconds_total ${(user + system) / 1e6}`,
      ...counter(
        "queries_answered_total",
        "Queries that were answered.",
        [...this.#answers].map(([model, count]) => `{model="${model}"} ${count}`),
      ),
      ...counter(
        "queries_denied_total",
        "Queries and connections that were refused.",
        [...this.#denials].map(([labels, count]) => `{${labels}} ${count}`),
      ),
      ...histograms("query_seconds", "From a query's arrival at this party to its answer.", this.#seconds),
      ...histograms("batch_queries", "Queries of a batch; counted by the first party.", this.#rows),
    ].join("\n")}\n`;
  }
}

function histogram(map: Map<string, Histogram>, key: string, ends: readonly number[]): Histogram {
  const known = map.get(key) ?? new Histogram(ends);
  map.set(key, known);
  return known;
}
