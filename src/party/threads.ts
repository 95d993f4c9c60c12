/**
 * Whether a party computes large products on two threads: only where a core is free for the second one. Not the threads
 * themselves, see ring/threads/.
 */
import { availableParallelism, networkInterfaces } from "node:os";
import { Ring } from "../ring/index.js";
import { createSplitKernels } from "../ring/threads/split.js";
import type { Cluster } from "./cluster.js";
import type { Logger } from "./logger.js";

/** `auto`: 2 where this machine has more cores than members of the cluster, else 1. */
export type Threads = 1 | 2 | "auto";

/** What the rule looks at, and what comes out. */
export interface ThreadChoice {
  readonly threads: 1 | 2;
  /** Cores that this process may use. */
  readonly cores: number;
  /** Parties and dealers of the cluster on this machine, as far as their addresses say so; this one counts. */
  readonly members: number;
}

/** Chooses for the member with the index `self`. `cores` and `addresses` are this machine's. */
export function chooseThreads(
  { parties }: Cluster,
  self: number,
  wanted: Threads,
  cores: number = availableParallelism(),
  addresses: readonly string[] = Object.values(networkInterfaces()).flatMap((list = []) =>
    list.map((at) => at.address),
  ),
): ThreadChoice {
  const own = parties[self]!.host;
  const here = (host: string) =>
    host === own || host === "localhost" || host === "::1" || host.startsWith("127.") || addresses.includes(host);
  const members = parties.filter(({ host }) => here(host)).length;
  return { threads: wanted === "auto" ? (cores > members ? 2 : 1) : wanted, cores, members };
}

/** A party's ring, and what ends its second thread, if it has one. Where threads or shared memory cannot be had, it has none. */
export function ringFor({ threads }: ThreadChoice, log: Logger): { readonly ring: Ring; close(): Promise<void> } {
  const now = "one thread computes everything";
  if (threads === 2)
    try {
      const { kernels, helper } = createSplitKernels({
        onLost: (reason) => log.warn("second thread lost", { reason, now }),
      });
      return { ring: new Ring({ kernels }), close: () => helper.close() };
    } catch (error) {
      log.info("no second thread", { reason: error instanceof Error ? error.message : String(error), now });
    }
  return { ring: new Ring(), close: async () => {} };
}
