/**
 * What a second thread brings to one party that has two cores for itself: products, and steps of the protocol `plain`, which
 * computes each product once and sends nothing. Measured in turn with one thread, because absolute times on a shared machine move.
 */
import { Ring } from "../src/ring/index.js";
import { createSplitKernels } from "../src/ring/threads/split.js";
import { cases } from "./cases.js";
import { memoryCluster } from "./cluster.js";
import { products } from "./kernels.js";
import { measure } from "./measure.js";

export interface ThreadRow {
  readonly case: string;
  /** Median and least seconds, with one thread and with two. */
  readonly seconds: readonly [number, number];
  readonly min: readonly [number, number];
}

/** Cases whose name contains `only`. */
export async function* threads(only: string): AsyncIterable<ThreadRow> {
  const { kernels, helper } = createSplitKernels();
  await helper.started();
  try {
    for (const item of products.filter(({ name }) => name.includes(only))) {
      const runs = [new Ring(), new Ring({ kernels })].map((ring) => item.prepare(ring, ring.scope()));
      const times = runs.map((): number[] => []);
      const repetitions = Math.max(15, Math.min(300, Math.round(1.5e9 / item.macs!)));
      for (let i = -5; i < repetitions; i++)
        for (const [which, run] of runs.entries()) {
          const before = performance.now();
          run();
          if (i >= 0) times[which]!.push((performance.now() - before) / 1000);
        }
      yield row(item.name, times, times);
    }
    const clusters = [await memoryCluster("plain"), await memoryCluster("plain", { kernels })];
    for (const item of cases.filter(({ group, name }) => group === "nets" && name.includes(only))) {
      const medians = clusters.map((): number[] => []);
      const mins = clusters.map((): number[] => []);
      for (let round = 0; round < 3; round++)
        for (const [which, cluster] of clusters.entries()) {
          const { seconds, min } = await measure(cluster, "plain", item, { repetitions: 7, warmUpMs: 500 });
          medians[which]!.push(seconds);
          mins[which]!.push(min);
        }
      yield row(`plain ${item.name}`, medians, mins);
    }
  } finally {
    await helper.close();
  }
}

function row(name: string, medians: readonly number[][], mins: readonly number[][]): ThreadRow {
  const middle = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;
  const [one, two] = medians.map(middle) as [number, number];
  const [least, least2] = mins.map((list) => Math.min(...list)) as [number, number];
  return { case: name, seconds: [one, two], min: [least, least2] };
}
