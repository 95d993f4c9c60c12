/**
 * One owner of a training in a process of its own: shares what the owner has, then approves the plans that reveal no more than the
 * task says. Its orders come with the start; it ends with its parent.
 */
import { connectOwner } from "../../src/index.js";
import { type Shared, type Size, shareOptions } from "./task.js";
import { tasks } from "./tasks.js";

export interface OwnerOrder {
  readonly clusterFile: string;
  readonly owner: string;
  readonly task: string;
  readonly size: Size;
  readonly minRows: number;
}

process.once("disconnect", () => process.exit(0));
process.once("message", (order: OwnerOrder) => {
  serve(order).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

async function serve({ clusterFile, owner: name, task: wanted, size, minRows }: OwnerOrder): Promise<void> {
  const task = tasks.find((each) => each.name === wanted)!;
  const shared = (await task.shared(size)) as readonly Shared[];
  const owner = await connectOwner(clusterFile, { as: name });
  const own = shared.filter((each) => each.name.startsWith(`${name}/`));
  for (const each of own) await owner.share(each.name, each.rows, shareOptions(each));
  process.send!("shared");
  await owner.watch({
    release: task.releases,
    minRows,
    to: ["driver"],
    times: 1_000_000,
    expires: new Date(Date.now() + 24 * 3_600_000),
    signal: new AbortController().signal,
    onSkip: ({ digest }, reason) => console.error(`${name} refuses ${digest.slice(0, 12)}: ${reason}`),
  });
}
