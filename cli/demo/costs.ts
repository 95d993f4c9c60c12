/** What the runs of the demo cost, as the parties report it. Not what a plan says that they will. */
import type { RunReport } from "../../src/index.js";
import { bytesText } from "../output.js";
import type { DemoCluster } from "./cluster.js";

export class Costs {
  rounds = 0;
  readonly bytesByMember: number[] = [];
  /** Of the runs that parties measured by operator. */
  measured = 0;
  readonly #operators = new Map<string, { op: string; seconds: number; waiting: number }>();
  readonly #kinds = new Map<string, { rounds: number; bytes: number; dealt: number; times: number }>();

  constructor(readonly cluster: Pick<DemoCluster, "parties" | "dealer">) {}

  /** By operator, the longest first; at the party that was slowest in each run. */
  get operators(): { readonly op: string; readonly seconds: number; readonly waiting: number }[] {
    return [...this.#operators.values()].sort((a, b) => b.seconds + b.waiting - a.seconds - a.waiting);
  }

  add({ rounds, bytes, operators }: RunReport): void {
    if (operators) this.measured++;
    for (const { op, seconds, waiting } of operators ?? []) {
      const sum = this.#operators.get(op) ?? { op, seconds: 0, waiting: 0 };
      this.#operators.set(op, { op, seconds: sum.seconds + seconds, waiting: sum.waiting + waiting });
    }
    this.rounds += rounds;
    bytes.forEach((count, i) => {
      this.bytesByMember[i] = (this.bytesByMember[i] ?? 0) + count;
    });
    // Initial weights need no round; of one batch only, the step would not be what is run most often.
    if (rounds === 0) return;
    const { length } = this.cluster.parties;
    const kind = { rounds, bytes: Math.max(...bytes.slice(0, length)), dealt: bytes[length] ?? 0 };
    const key = JSON.stringify(kind);
    this.#kinds.set(key, { ...kind, times: (this.#kinds.get(key)?.times ?? 0) + 1 });
  }

  /** The run that was made most often: a training step. `bytes`: of the party that sends most; `dealt`: of the dealer. */
  get step(): { readonly rounds: number; readonly bytes: number; readonly dealt: number } {
    const [most] = [...this.#kinds.values()].sort((a, b) => b.times - a.times);
    return most ?? { rounds: 0, bytes: 0, dealt: 0 };
  }
  stepText(): string {
    const { rounds, bytes, dealt } = this.step;
    const dealer = this.cluster.dealer === undefined ? "" : `, ${bytesText(dealt)} by the dealer`;
    return `${rounds} rounds and ${bytesText(bytes)} sent per party${dealer}`;
  }
  stepObject(): object {
    const { rounds, bytes, dealt } = this.step;
    const dealer = this.cluster.dealer === undefined ? {} : { dealerBytesPerBatch: dealt };
    return { roundsPerBatch: rounds, bytesPerPartyPerBatch: bytes, ...dealer };
  }
}
