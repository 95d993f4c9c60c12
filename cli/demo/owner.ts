/**
 * One owner of the demo, in a process of its own: shares what the owner has of MNIST, then approves the plans that
 * reveal no more than a mean loss or a count over many rows. A hidden command; `share` and `grant --watch` do the same.
 */

import type { PlanDescription } from "../../src/index.js";
import { clusterOption, command, integer, jsonOption } from "../command.js";
import { UsageError } from "../errors.js";
import { output } from "../output.js";
import { stopSignal } from "../stop.js";
import type { MnistPart } from "./mnist.js";

const parts: Readonly<Record<string, Readonly<Record<string, MnistPart>>>> = {
  alice: { "alice/images": "train images", "alice/test-images": "test images" },
  bob: { "bob/labels": "train labels", "bob/test-labels": "test labels" },
};
/** Names of everything that an owner of the demo shares. */
export const datasetsOf = (owner: string): string[] => Object.keys(parts[owner] ?? {});

export default command({
  description: "One owner of the demo",
  args: {
    name: { type: "positional", description: "alice or bob", required: true },
    count: { type: "string", description: "Rows of each file; without it: all" },
    clients: { type: "string", description: "A model that clients may ask for its scores", valueHint: "model" },
    "min-rows": { type: "string", description: "Fewest rows that a revealed number must cover", default: "64" },
    cluster: clusterOption,
    json: jsonOption,
  },
  examples: [],
  async run({ name, count, clients, cluster, json, "min-rows": minRows }) {
    const out = output(json);
    const own = parts[name];
    if (!own) throw new UsageError(`demo-owner: expected alice or bob, got ${name}`);
    const { connectOwner } = await import("../../src/client/index.js");
    const { oneHot } = await import("../../src/data/index.js");
    const { mnist } = await import("./mnist.js");
    const owner = await connectOwner(cluster, { as: name });
    try {
      for (const [dataset, part] of Object.entries(own)) {
        const rows = await mnist(part, count === undefined ? undefined : integer("count", count, 1, 60_000));
        // Labels to train with are rows of ten numbers; labels to compare with are one whole number each.
        const source = part === "train labels" ? oneHot(10)(rows) : rows;
        await owner.share(dataset, source, {
          ...(part === "test labels" ? { format: "integer", bound: 4 } : {}),
          onProgress: ({ rows: done, of }) => out.object({ event: "sharing", dataset, rows: done, of }),
        });
        out.object({ event: "shared", dataset });
      }
      const stop = new AbortController();
      void stopSignal().then(() => stop.abort());
      const common = {
        times: 100_000,
        signal: stop.signal,
        onGrant: ({ digest, reveals }: PlanDescription) => out.object({ event: "granted", digest, reveals }),
      };
      const training = owner.watch({
        ...common,
        release: ["meanLoss", "count"],
        minRows: integer("min-rows", minRows, 1, 60_000),
        to: ["driver"],
        expires: new Date(Date.now() + 3_600_000),
        onSkip: ({ digest }, reason) => out.object({ event: "refused", digest, reason }),
      });
      // Answers about inputs of the clients' own, for as long as somebody may have the page open.
      const asking =
        clients === undefined
          ? undefined
          : owner.watch({
              ...common,
              release: ["open"],
              to: [`clients.${clients}`],
              expires: new Date(Date.now() + 7 * 24 * 3_600_000),
            });
      await Promise.all([training, asking]);
    } finally {
      await owner.close();
    }
    process.exit(0);
  },
});
