/**
 * `npm run bench -- <kernels|functions|ops|nets> [--protocol rep3|additive] [--comparison adder|fss] [--transport tls|memory]
 * [--link MS/MBIT] [--only TEXT] [--profile] [--json]`:
 * reads the arguments and prints rows; measuring is `measure.ts`, `kernels.ts` and `functions.ts`.
 */
import { parseArgs } from "node:util";
import type { LinkModel } from "../src/net/index.js";
import { cases } from "./cases.js";
import { memoryCluster, tlsCluster } from "./cluster.js";
import { functionHeader, functionLine, functionRows } from "./functions.js";
import { kernels } from "./kernels.js";
import { calibrate, measure, type Row } from "./measure.js";

const usage =
  "usage: bench <kernels|functions|ops|nets> [--protocol rep3|additive] [--comparison adder|fss] [--transport tls|memory] [--link ROUND_TRIP_MS/MEGABITS] [--only TEXT] [--profile] [--json]";
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    protocol: { type: "string", default: "rep3" },
    comparison: { type: "string", default: "adder" },
    transport: { type: "string", default: "tls" },
    link: { type: "string", default: "" },
    only: { type: "string", default: "" },
    profile: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const [group = ""] = positionals;
/** "additive": two parties and a dealer. */
const protocol =
  flags.protocol === "additive" ? `additive-2${flags.comparison === "fss" ? "-fss" : ""}` : flags.protocol;
const link = linkOf(flags.link);
const print = (row: object, text: string) => console.log(flags.json ? JSON.stringify(row) : text);

if (group === "kernels") {
  for await (const row of kernels({ only: flags.only }))
    print(
      row,
      `${row.case.padEnd(32)} ${ms(row.seconds)} (min ${ms(row.min)})${row.gmacs ? `  ${row.gmacs.toFixed(2)} G multiply-adds/s` : ""}${row.ratio ? `  ${row.ratio.toFixed(1)}x` : ""}`,
    );
} else if (group === "functions") {
  if (!flags.json) console.log(functionHeader);
  for await (const row of functionRows({ only: flags.only })) print(row, functionLine(row));
} else if (group === "ops" || group === "nets") {
  const cluster = await (flags.transport === "memory" ? memoryCluster : tlsCluster)(protocol, link);
  try {
    let gmacs = 0;
    for await (const row of kernels({ only: "matmul 256x256x256" })) gmacs = Math.max(gmacs, row.gmacs ?? 0);
    const speed = await calibrate(cluster, gmacs, link !== undefined);
    print(
      speed,
      `calibration: ${gmacs.toFixed(2)} G multiply-adds/s, ${Number(speed.roundMicroseconds).toFixed(0)} µs a round, ${Number(speed.mebibyteRingMilliseconds).toFixed(2)} ms for 1 MiB to the next party`,
    );
    if (!flags.json)
      console.log(
        `${protocol} over ${flags.transport}${link ? `, each direction of each link ${link.latencyMs} ms and ${flags.link.split("/")[1]} Mbit/s` : ""}; cached: the compiled plan and the shares of weights and operands; fresh in each run: masks, and the inputs of networks\n`,
      );
    for (const item of cases.filter(({ group: of, name }) => of === group && name.includes(flags.only))) {
      const { profile, ...row } = await measure(cluster, protocol, item, { profile: flags.profile });
      print(row, table(row));
      if (profile)
        for (const [op, { seconds, bytes, calls }] of [...profile].sort((a, b) => b[1].seconds - a[1].seconds))
          print(
            { case: item.name, op, seconds, bytes, calls },
            `    ${op.padEnd(12)} ${ms(seconds)} local  ${bytes} B  ${calls} steps`,
          );
    }
  } finally {
    cluster.close();
  }
} else {
  console.error(usage);
  process.exitCode = 2;
}

/** "40/100": 40 ms there and back, 100 Mbit/s in each direction of each link. */
function linkOf(text: string): LinkModel | undefined {
  if (text === "") return undefined;
  const [roundTripMs, megabits, ...rest] = text.split("/").map(Number);
  if (!(roundTripMs! >= 0 && megabits! > 0) || rest.length > 0) {
    console.error(usage);
    process.exit(2);
  }
  return { latencyMs: roundTripMs! / 2, bytesPerSecond: (megabits! * 1e6) / 8 };
}

function table(row: Row): string {
  return `${row.case.padEnd(24)} ${ms(row.seconds)} (min ${ms(row.min)})  ${row.rounds} rounds  ${(row.bytesPerParty / 1e6).toFixed(3)} MB a party  ${ms(row.cpuSeconds).trim()} of processor a party  largest error ${row.maxError.toExponential(1)}`;
}
function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 1)} ms`.padStart(10);
}
