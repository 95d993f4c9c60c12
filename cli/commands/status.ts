/** `secretgrad status`: whether each party is there and in session with the others. Works when some are down. */
import { clusterOption, command, jsonOption, keyOption, userOption } from "../command.js";
import { CommandError } from "../errors.js";
import { bytesText, output, secondsText, table } from "../output.js";
import { printable } from "../terminal.js";

export default command({
  description: "Show whether the parties are up and connected",
  args: { cluster: clusterOption, key: keyOption, user: userOption, json: jsonOption },
  examples: [["secretgrad status", "exit code 1 unless all parties are in session"]],
  async run(args) {
    const out = output(args.json);
    const v = await import("valibot");
    const { byName, mostScalars } = await import("../../src/party/schemas.js");
    const answer = v.object({
      uptimeMs: v.number(),
      session: v.string(),
      missingPeers: v.array(v.string()),
      version: v.number(),
      runs: v.object({ next: v.number(), unfinished: v.number() }),
      traffic: v.nullable(v.object({ wireBytes: v.number() })),
      memory: v.object({ rssBytes: v.number() }),
      dealt: v.array(
        v.object({
          plan: v.string(),
          scalars: byName(v.string(), v.number(), mostScalars),
          steps: v.number(),
          left: v.number(),
        }),
      ),
    });
    const { whoAmI } = await import("../reach.js");
    const { prepare } = await import("../../src/client/index.js");
    const { callers, cluster, definition, close } = await prepare(args.cluster, undefined, await whoAmI(args, "any"));
    const rows: string[][] = [];
    const dealtRows: string[][] = [];
    const down: string[] = [];
    const waiting: string[] = [];
    try {
      const calls = callers.map((caller) => caller.call("status", {}, undefined, { timeoutMs: 5000 }));
      for (const [i, called] of (await Promise.allSettled(calls)).entries()) {
        const { name, host, port } = cluster.parties[i]!;
        const deals = i === definition.dealer;
        const dealing = deals ? { deals } : {};
        const shown = deals ? `${name} (dealer)` : name;
        const read = called.status === "fulfilled" ? v.safeParse(answer, called.value.result) : undefined;
        if (!read?.success) {
          down.push(name);
          const reason =
            called.status === "rejected" ? String((called.reason as Error).message) : "an answer of another version";
          out.object({ party: name, ...dealing, address: `${host}:${port}`, up: false, reason });
          rows.push([shown, `${host}:${port}`, "down", "", "", "", printable(reason)]);
          continue;
        }
        const { uptimeMs, session, missingPeers, version, runs, traffic, memory, dealt } = read.output;
        if (session !== "up") waiting.push(name);
        out.object({
          party: name,
          ...dealing,
          address: `${host}:${port}`,
          up: true,
          session,
          missingPeers,
          uptimeMs,
          version,
          runs,
          traffic,
          memory,
          ...(dealt.length > 0 ? { dealt } : {}),
        });
        const sums = new Map<string, { plan: string; numbers: string; steps: number; left: number }>();
        for (const { plan, scalars, steps, left } of dealt) {
          const numbers = list(scalars);
          const sum = sums.get(`${plan} ${numbers}`) ?? { plan, numbers, steps: 0, left: 0 };
          sums.set(`${plan} ${numbers}`, { ...sum, steps: sum.steps + steps, left: sum.left + left });
        }
        for (const { plan, numbers, steps, left } of sums.values())
          dealtRows.push([name, printable(plan.slice(0, 12)), printable(numbers), `${left} of ${steps} runs left`]);
        rows.push([
          shown,
          `${host}:${port}`,
          session === "up" ? "in session" : "waiting",
          secondsText(uptimeMs / 1000),
          String(runs.next),
          bytesText(memory.rssBytes),
          session === "up" ? `${bytesText(traffic?.wireBytes ?? 0)} of traffic` : `for ${missingPeers.join(", ")}`,
        ]);
      }
    } finally {
      await close();
    }
    out.line(table(["PARTY", "ADDRESS", "STATE", "UP", "NEXT RUN", "MEMORY", ""], rows));
    if (dealtRows.length > 0) out.line(`\n${table(["PARTY", "PLAN", "NUMBERS", "DEALT AHEAD"], dealtRows)}`);
    if (definition.dealer !== undefined)
      out.line(`${cluster.parties[definition.dealer]!.name} deals: it holds no shares and learns no value.`);
    if (down.length + waiting.length > 0) {
      const dealer = definition.dealer === undefined ? undefined : cluster.parties[definition.dealer]!.name;
      const got = [
        ...(down.length > 0 ? [`${down.join(", ")} down`] : []),
        ...(waiting.length > 0 ? [`${waiting.join(", ")} up and waiting`] : []),
      ];
      const starts = down.map((name) => `\`secretgrad ${name === dealer ? "dealer" : "party"} ${name}\``);
      throw new CommandError(
        `expected ${cluster.parties.map(({ name }) => name).join(", ")} in session, got ${got.join(", ")}; try ${starts.join(", ") || "again in a moment"}`,
      );
    }
  },
});

const list = (scalars: Readonly<Record<string, number>>): string =>
  Object.entries(scalars)
    .map(([slot, value]) => `${slot}=${value}`)
    .join(",");
