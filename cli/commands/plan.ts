/** `secretgrad plan`: what drivers want to compute, and what that would reveal. Changes nothing. */
import type { PlanDescription } from "../../src/client/index.js";
import { clusterOption, command, decimal, jsonOption, keyOption, userOption } from "../command.js";
import { CommandError, UsageError } from "../errors.js";
import { bytesText, output, secondsText, table } from "../output.js";
import { printable } from "../terminal.js";

export default command({
  description: "List the plans that drivers have sent, or show one: what it would reveal, to whom, at what cost",
  details:
    "Everything shown is read from the plan itself, on this machine. A plan without a grant reveals nothing of yours.\n" +
    "Parties learn a plan when a driver first runs it and forget it when they restart; grants stay.",
  args: {
    digest: { type: "positional", description: "Beginning of a plan's digest; without it: all plans", required: false },
    rtt: {
      type: "string",
      description: "Round-trip time between parties in ms, for the estimate",
      default: "10",
      valueHint: "ms",
    },
    bandwidth: {
      type: "string",
      description: "Mbit/s between parties, for the estimate",
      default: "1000",
      valueHint: "mbit",
    },
    save: { type: "string", description: "Write the plan itself to a new file", valueHint: "file" },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad plan", "the plans that parties know"],
    ["secretgrad plan 3f9a12 --save step.plan", "one plan as a file, for `secretgrad deal`"],
    ["secretgrad plan 3f9a12 --rtt 60 --bandwidth 100", "one plan, with an estimate for a slow link"],
  ],
  async run(args) {
    const out = output(args.json);
    if (args.save !== undefined && args.digest === undefined)
      throw new UsageError("plan: expected a digest with --save, got none; try one that `secretgrad plan` lists");
    const link = { roundTripMs: decimal("rtt", args.rtt), megabitsPerSecond: decimal("bandwidth", args.bandwidth) };
    const { whoAmI } = await import("../reach.js");
    const { reach, Owner } = await import("../../src/client/index.js");
    const who = await whoAmI(args, "any");
    const { definition, parties, user, close } = await reach(args.cluster, undefined, who);
    const owner = new Owner({ definition, parties, name: who.as, close });
    try {
      if (args.digest !== undefined) {
        const plan = await owner.plan(args.digest);
        if (args.save !== undefined) await saveNew(args.save, plan.bytes);
        const description = await owner.describe(plan, link);
        out.object(description);
        if (!args.json) for (const line of describe(description)) out.line(printable(line));
        return;
      }
      const digests = await owner.plans();
      const list = await Promise.all(digests.map(async (digest) => owner.describe(await owner.plan(digest), link)));
      for (const each of list) out.object(each);
      // Parties know the plans of models that were withdrawn, too; an owner looks for what is hers to grant.
      const shown =
        user.role === "owner" ? list.filter((plan) => !answersClients(plan) || needs(plan, user.name)) : list;
      if (list.length === 0)
        out.line("No plans: parties learn a plan when a driver first runs it, and forget it when they restart.");
      else if (shown.length > 0)
        out.line(
          table(
            ["DIGEST", "REVEALS", "OF", "CHANGES", "ROUNDS", "MB/PARTY"],
            shown.map((plan) => [
              plan.digest.slice(0, 12),
              plan.reveals
                .map(
                  ({ release, rows, recipients }) => `${release}${rows > 0 ? ` of ${rows} rows` : ""} to ${recipients}`,
                )
                .join("; ") || "nothing",
              printable(dataOf(plan)),
              `${plan.assigns.length} variables`,
              String(plan.rounds),
              (mostOfParty(plan) / 1e6).toFixed(2),
            ]),
          ),
        );
      if (shown.length < list.length)
        out.line(
          `Not shown: ${list.length - shown.length} of served models that need no grant of ${user.name} (--json lists them).`,
        );
    } finally {
      await close();
    }
  },
});

/** Of a served model: its answers go to nobody else. */
const answersClients = ({ reveals }: PlanDescription): boolean =>
  reveals.length > 0 &&
  reveals.every(({ recipients }) => recipients.every((recipient) => recipient.startsWith("clients.")));
const needs = ({ reveals }: PlanDescription, owner: string): boolean =>
  reveals.some(({ owners }) => owners.includes(owner));

/** Never over a file that exists. */
async function saveNew(file: string, bytes: Uint8Array): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(file, bytes, { flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`--save: expected to make ${file}, got ${code}; try another file`);
  }
}

/** The datasets behind a plan: those that it reads, then those that only came into the variables that it reads. */
function dataOf({ datasets, variables }: PlanDescription): string {
  const direct = new Set(datasets.map(({ name }) => name));
  const stored = sourcesOf(variables).filter((source) => source.startsWith("dataset:"));
  const indirect = stored.map((source) => source.slice("dataset:".length)).filter((name) => !direct.has(name));
  return [...direct, ...indirect.map((name) => `${name} by variables`)].join(", ");
}
const sourcesOf = (variables: PlanDescription["variables"]): string[] =>
  [...new Set(variables.flatMap(({ sources }) => sources))].sort();

const mostOfParty = ({ bytesPerParty, dealerBytes }: PlanDescription): number =>
  Math.max(...bytesPerParty.slice(0, dealerBytes === undefined ? undefined : -1));

export function describe(plan: PlanDescription): string[] {
  const { reveals, datasets, variables, inputs, scalars, assigns, operators, link } = plan;
  const lines = [`Plan ${plan.digest}`, ""];
  if (reveals.length === 0) lines.push("Reveals nothing.");
  for (const { label, release, rows, shape, recipients, sources, owners } of reveals) {
    const what = {
      open: `a value of shape [${shape}] as it is`,
      count: "how many rows satisfy a condition",
      meanLoss: "one mean over rows, each clamped",
    };
    lines.push(
      `Reveals ${label}: ${release} (${what[release as keyof typeof what] ?? "?"}) to ${recipients.join(", ")}`,
    );
    lines.push(`    rows pooled   ${rows > 0 ? rows : "none: it depends on data only through a model"}`);
    lines.push(`    depends on    ${sources.join(", ")}`);
    // What came from who runs a plan is theirs to reveal.
    const drivers = sources.flatMap((source) => (source.startsWith("caller:") ? source.slice("caller:".length) : []));
    const others = owners.filter((owner) => !drivers.includes(owner));
    const own =
      drivers.length > 0 ? `${others.length > 0 ? ", and " : ""}${drivers.join(", ")} unless it runs this itself` : "";
    lines.push(`    must agree    ${others.join(", ")}${own}${owners.length === 0 ? "nobody but the driver" : ""}`);
  }
  lines.push("");
  for (const { name, rows, of, shuffled } of datasets)
    lines.push(
      `Reads ${rows} of ${of} rows of ${name}${shuffled ? ", chosen by the parties' coin" : ", in stored order"}`,
    );
  if (variables.length > 0)
    lines.push(
      `Reads ${variables.map(({ name }) => name).join(", ")}, which came from ${sourcesOf(variables).join(", ")}`,
    );
  for (const { slot, shape } of inputs) lines.push(`Takes input ${slot} of shape [${shape}] from the driver`);
  if (scalars.length > 0) lines.push(`Takes numbers that the driver chooses for each run: ${scalars.join(", ")}`);
  if (assigns.length > 0) lines.push(`Changes ${assigns.join(", ")}`);
  lines.push("");
  const dealt = plan.dealerBytes === undefined ? "" : ` and ${bytesText(plan.dealerBytes)} by the dealer`;
  lines.push(
    `Costs ${plan.rounds} rounds and ${bytesText(mostOfParty(plan))} sent per party${dealt}; ${secondsText(plan.secondsOnLink)} of communication at ${link.roundTripMs} ms and ${link.megabitsPerSecond} Mbit/s`,
  );
  for (const { comparison, rounds, bytesPerParty, secondsOnLink } of plan.comparisons ?? [])
    lines.push(
      `    compared by ${comparison === "fss" ? "keys (fss)" : "adders    "} ${String(rounds).padStart(4)} rounds, at most ${bytesText(Math.max(...bytesPerParty))} sent, ${secondsText(secondsOnLink)}`,
    );
  lines.push(
    `Is ${plan.nodes} operators at ${plan.fraction} fraction bits, in words of ${plan.wordBits} bits: ${Object.entries(
      operators,
    )
      .map(([op, n]) => `${op} ${n}`)
      .join(", ")}`,
  );
  if (plan.unproved > 0)
    lines.push(`Relies on ${plan.unproved} values staying below the declared 2^${plan.integerBits}`);
  if (reveals.length > 0) {
    const releases = [...new Set(reveals.map(({ release }) => release))];
    const open = releases.includes("open") ? ` --release ${releases.join(",")}` : "";
    lines.push("", `Agree with: secretgrad grant ${plan.digest.slice(0, 12)} --times N${open}`);
  }
  return lines;
}
