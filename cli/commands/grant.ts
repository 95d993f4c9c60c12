/** `secretgrad grant`: an owner approves what a plan reveals, by its digest; or watches and approves what fits. */
import { clusterOption, command, integer, jsonOption, keyOption, list, userOption } from "../command.js";
import { UsageError } from "../errors.js";
import { output } from "../output.js";
import { stopSignal } from "../stop.js";
import { printable } from "../terminal.js";

export default command({
  description: "Approve what a plan reveals of your data",
  details:
    "A grant names one plan by its digest, so it allows exactly that computation and no other; which batch it reads and\n" +
    "its run-time numbers may differ from run to run: secretgrad plan lists them. A learning rate may in the range that\n" +
    "its plan is for (sgd: from 0.001 to below 1, or all rates of a schedule); one beyond is another plan, with a digest of its own.\n" +
    "Pooled releases (count, meanLoss) may be granted without naming them; a value as it is needs --release open.\n" +
    "With --watch: approves by itself every plan of which all reveals fit the limits, each by its digest, until stopped.",
  args: {
    digest: { type: "positional", description: "Beginning of the plan's digest", required: false },
    watch: { type: "boolean", description: "Approve all plans that fit, until Ctrl-C" },
    release: {
      type: "string",
      description: "Releases to allow: count, meanLoss, open",
      default: "count,meanLoss",
      valueHint: "list",
    },
    "min-rows": {
      type: "string",
      description:
        "Fewest rows that a count or meanLoss must cover, 1 without it; a value as it is (open) has no such limit",
      valueHint: "rows",
    },
    to: { type: "string", description: "Who may learn it; without it: whoever the plan names", valueHint: "names" },
    times: { type: "string", description: "How many runs; with --watch: of each plan", default: "1" },
    expires: {
      type: "string",
      description: "From now (90m, 12h, 30d) or a date (2030-01-31)",
      default: "30d",
      valueHint: "when",
    },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad grant 3f9a12 --times 469 --to driver", "one plan, for one epoch of 469 batches"],
    ["secretgrad grant 3f9a12 --release open", "its result as it is, once"],
    [
      "secretgrad grant --watch --release count,meanLoss --min-rows 64 --times 10000 --to driver",
      "all plans that reveal only numbers pooled over 64 rows or more",
    ],
  ],
  async run(args) {
    const out = output(args.json);
    if (args.watch ? args.digest !== undefined : args.digest === undefined)
      throw new UsageError("grant: expected a digest, or --watch without one");
    const minRows = args["min-rows"];
    const limits = {
      release: list(args.release),
      minRows: integer("min-rows", minRows ?? "1", 0, 2 ** 40),
      times: integer("times", args.times, 1, 2 ** 31),
      expires: expiry(args.expires),
      ...(args.to === undefined ? {} : { to: list(args.to) }),
    };
    const unknown = limits.release.find((release) => !["open", "count", "meanLoss"].includes(release));
    if (unknown !== undefined) throw new UsageError(`--release: expected open, count or meanLoss, got ${unknown}`);
    if (minRows !== undefined && limits.release.every((release) => release === "open"))
      throw new UsageError("--min-rows: expected a pooled release (count, meanLoss), got open only; try without it");
    const { whoAmI } = await import("../reach.js");
    const { connectOwner } = await import("../../src/client/index.js");
    const owner = await connectOwner(args.cluster, await whoAmI(args, "owner"));
    try {
      if (args.digest !== undefined) {
        for (const { id, digest, reveal, release, minRows, recipients, times, expires } of await owner.grant(
          args.digest,
          limits,
        )) {
          out.object({ grant: id, digest, reveal, release, minRows, recipients, times, expires });
          out.line(
            `Granted ${release} ${reveal} of plan ${digest.slice(0, 12)} to ${recipients.join(", ")}, ${times} times, until ${expires}`,
          );
        }
        return;
      }
      const stop = new AbortController();
      void stopSignal().then(() => stop.abort());
      out.object({ event: "watching", owner: owner.name });
      out.line(
        `Watching for plans as ${owner.name}: grants ${limits.release.map((release) => (release === "open" ? "open of any rows" : `${release} of at least ${limits.minRows} rows`)).join(", ")}. Ctrl-C ends it.`,
      );
      await owner.watch({
        ...limits,
        signal: stop.signal,
        onGrant: ({ digest, reveals }) => {
          out.object({ event: "granted", digest, reveals });
          out.line(
            `Granted ${digest.slice(0, 12)}: ${reveals.map(({ release, rows, recipients }) => `${release} of ${rows} rows to ${recipients}`).join("; ")}`,
          );
        },
        onProblem: ({ message }) => {
          out.object({ event: "problem", message });
          out.line(`Trying again: ${printable(message)}`);
        },
        onRecovery: () => {
          out.object({ event: "recovered" });
          out.line("All parties answer again; watching.");
        },
        onSkip: ({ digest, reveals }, reason) => {
          out.object({ event: "skipped", digest, reveals, reason });
          out.line(`Not granted ${digest.slice(0, 12)}: ${reason}`);
        },
      });
    } finally {
      await owner.close();
      process.stdin.destroy();
    }
  },
});

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 };
export function expiry(text: string, now = Date.now()): Date {
  const relative = /^(\d{1,6})([mhd])$/.exec(text);
  const date = relative
    ? new Date(now + Number(relative[1]) * units[relative[2] as keyof typeof units])
    : new Date(text);
  if (Number.isNaN(date.getTime()) || date.getTime() <= now)
    throw new UsageError(`--expires: expected a time from now (90m, 12h, 30d) or a date to come, got ${text}`);
  return date;
}
