/**
 * `npm run bench -- <kernels|threads|functions|ops|nets|links|record|memory|accuracy|serve|compare>`: reads the arguments and prints
 * rows. Measuring is in the files beside this one.
 */
import { parseArgs } from "node:util";
import type { LinkModel } from "../src/net/index.js";
import { accuracy } from "./accuracy/main.js";
import { cases } from "./cases.js";
import { type BenchCluster, memoryCluster, tlsCluster } from "./cluster.js";
import { compareRows } from "./compare.js";
import { functionHeader, functionLine, functionRows } from "./functions.js";
import { kernels } from "./kernels.js";
import { type LinkRow, links, linkTables } from "./links.js";
import { bestSpeeds, type Calibration, calibrate, measure, memoryAfter, type Row } from "./measure.js";
import { Probes } from "./probe.js";
import { profileText } from "./profile.js";
import { recording } from "./record.js";
import { serveLoad, serveText } from "./serve.js";
import { threads } from "./threads.js";

const usage = `usage: bench <what> [options]
  kernels        ring kernels on one core
  threads        products and steps of one party that is alone, on one core and on two
  functions      what functions cost, and their largest errors over a million points
  ops, nets      operators, networks; --profile: where the time goes, operator by operator;
                 --threads 2: each process on two threads, over TLS, not with --profile
  links          networks on three modelled links, with what arithmetic expects; without --protocol all of them
  record         what a driver does for a training step before it is sent
  memory         what parties hold after 50 and after 500 training steps, or --steps N,M
  accuracy       whole trainings, what they reach and how long they take; --compare: every step in the clear, too; --write: into
                 docs/accuracy.md; --epochs N, --rows N: less of them; --data DIR: Fashion-MNIST. With --only NAME one of them
  serve          a served network under load, every answer checked; --clients 200 --seconds 60, --kill: a party dies and comes back
  compare FILES  rows of --json side by side, ours and others'
  --protocol rep3|additive  --comparison adder|fss  --transport tls|memory  --link ROUND_TRIP_MS/MEGABITS  --only TEXT  --json`;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    protocol: { type: "string" },
    comparison: { type: "string", default: "adder" },
    transport: { type: "string", default: "tls" },
    link: { type: "string", default: "" },
    only: { type: "string", default: "" },
    clients: { type: "string", default: "200" },
    seconds: { type: "string", default: "60" },
    kill: { type: "boolean", default: false },
    steps: { type: "string", default: "50,500" },
    threads: { type: "string", default: "1" },
    profile: { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    epochs: { type: "string" },
    rows: { type: "string" },
    data: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [group = "", ...files] = positionals;
/** "additive": two parties and a dealer. */
const protocol =
  flags.protocol === "additive" ? `additive-2${flags.comparison === "fss" ? "-fss" : ""}` : (flags.protocol ?? "rep3");
const print = (row: object, text: string) => console.log(flags.json ? JSON.stringify(row) : text);

if (group === "kernels") {
  for await (const row of kernels({ only: flags.only }))
    print(
      row,
      `${row.case.padEnd(32)} ${ms(row.seconds)} (min ${ms(row.min)})${row.gmacs ? `  ${row.gmacs.toFixed(2)} G multiply-adds/s` : ""}${row.ratio ? `  ${row.ratio.toFixed(1)}x` : ""}`,
    );
} else if (group === "threads") {
  for await (const row of threads(flags.only)) {
    const gain = (row.min[0] / row.min[1]).toFixed(2);
    const texts = row.seconds.map((seconds, i) => `${ms(seconds)} (min ${ms(row.min[i]!)})`);
    print(row, `${row.case.padEnd(42)} one ${texts[0]}  two ${texts[1]}  ${gain}x by the least`);
  }
} else if (group === "functions") {
  if (!flags.json) console.log(functionHeader);
  for await (const row of functionRows({ only: flags.only })) print(row, functionLine(row));
} else if (group === "ops" || group === "nets") await measureCases(group);
else if (group === "links") await measureLinks(flags.protocol ? [protocol] : ["rep3", "additive-2", "additive-2-fss"]);
else if (group === "record")
  for await (const row of recording(flags.only))
    print(
      row,
      `${row.case.padEnd(32)} ${ms(row.seconds)} (min ${ms(row.min)})  ${row.nodes} nodes  ${row.planBytes} B`,
    );
else if (group === "memory") await measureMemory();
else if (group === "accuracy") {
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const size = { epochs: number(flags.epochs), rows: number(flags.rows), data: flags.data };
  const { only, compare, write, json } = flags;
  const transport = flags.transport === "memory" ? "memory" : "tls";
  const options = { protocol: flags.protocol ?? "rep3", transport, compare, write, json } as const;
  if (!(await accuracy({ only, size, ...options }))) process.exitCode = 1;
} else if (group === "serve") {
  const [clients, seconds] = [Number(flags.clients), Number(flags.seconds)];
  if (!(clients >= 1 && seconds >= 1)) fail();
  const row = await serveLoad({ protocol, clients, seconds, kill: flags.kill, onEvent: (text) => console.error(text) });
  print(row, serveText(row));
} else if (group === "compare" && files.length > 0) console.log(compareRows(files));
else fail();

async function measureCases(group: "ops" | "nets"): Promise<void> {
  const link = linkOf(flags.link);
  const start = flags.transport === "memory" ? memoryCluster : tlsCluster;
  const cluster: BenchCluster = await start(protocol, {
    ...{ link, profiled: flags.profile },
    threads: flags.threads === "2" ? 2 : 1,
  });
  try {
    const speed = await calibrate(cluster, link?.latencyMs);
    const probes = new Probes(cluster.probe);
    await probes.begin();
    print({ ...speed, probeGmacsBest: probes.best }, `${calibrationText(speed)}, a probe ${probes.best.toFixed(2)}`);
    if (!flags.json)
      console.log(
        `${protocol} over ${flags.transport}${link ? `, each direction of each link ${link.latencyMs} ms and ${flags.link.split("/")[1]} Mbit/s` : ""}; cached: the compiled plan and the shares of weights and operands; fresh in each run: masks, and the inputs of networks\n`,
      );
    for (const item of cases.filter(({ group: of, name }) => of === group && name.includes(flags.only))) {
      const { profile, ...row } = await measure(cluster, protocol, item, {
        probes,
        ...(flags.profile && { profileAt: bestSpeeds(speed) }),
      });
      print(row, rowText(row));
      if (profile) print({ case: item.name, profile }, profileText(profile).join("\n"));
    }
  } finally {
    cluster.close();
  }
}

async function measureLinks(protocols: readonly string[]): Promise<void> {
  const rows: LinkRow[] = [];
  // Comparison keys are for single predictions: a batch of 128 has 80 MB of them.
  for (const name of protocols)
    for await (const row of links(name, flags.only || (name.endsWith("-fss") ? " b1 " : ""))) {
      if (flags.json) console.log(JSON.stringify(row));
      else if (row.case === "calibration")
        console.error(`${name} at ${row.link}: ${(row as Calibration).roundMicroseconds.toFixed(0)} µs a round`);
      if (row.case !== "calibration") rows.push(row as LinkRow);
    }
  if (!flags.json) console.log(linkTables(rows));
}

async function measureMemory(): Promise<void> {
  for (const item of cases.filter(({ name }) => name.includes(flags.only || "mlp128 b128 train mse"))) {
    const cluster = await tlsCluster(protocol);
    try {
      for await (const { steps, parties } of memoryAfter(cluster, protocol, item, flags.steps.split(",").map(Number)))
        for (const [party, bytes] of parties.entries()) {
          const texts = Object.entries(bytes).map(([name, count]) => `${name} ${(count / 2 ** 20).toFixed(2)} MiB`);
          print(
            { case: `memory ${item.name}`, steps, party, ...bytes },
            `${item.name}, ${steps} steps, party ${party}: ${texts.join(", ")}`,
          );
        }
    } finally {
      cluster.close();
    }
  }
}

/** "40/100": 40 ms there and back, 100 Mbit/s in each direction of each link. */
function linkOf(text: string): LinkModel | undefined {
  if (text === "") return undefined;
  const [roundTripMs, megabits, ...rest] = text.split("/").map(Number);
  if (!(roundTripMs! >= 0 && megabits! > 0) || rest.length > 0) fail();
  return { latencyMs: roundTripMs! / 2, bytesPerSecond: (megabits! * 1e6) / 8 };
}
function fail(): never {
  console.error(usage);
  process.exit(2);
}

function calibrationText({
  kernelGmacs,
  kernelGmacsBest,
  kernelGmacs32Best,
  roundMicroseconds,
  mebibyteRingMilliseconds,
}: Calibration): string {
  return `calibration: ${kernelGmacs.toFixed(2)} G multiply-adds/s (at best ${kernelGmacsBest.toFixed(2)}, of 32 bits ${kernelGmacs32Best.toFixed(2)}), ${roundMicroseconds.toFixed(0)} µs a round, ${mebibyteRingMilliseconds.toFixed(2)} ms for 1 MiB to the next party`;
}
function rowText(row: Row): string {
  return `${row.case.padEnd(24)} ${ms(row.seconds)} (min ${ms(row.min).trim()}, as they came ${ms(row.secondsAsTheyCame).trim()}; ${row.runs.undisturbed} of ${row.runs.all} undisturbed)  ${row.rounds} rounds  ${(row.bytesPerParty / 1e6).toFixed(3)} MB a party  ${ms(row.cpuSeconds).trim()} of processor a party  largest error ${row.maxError.toExponential(1)}`;
}
function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 1)} ms`.padStart(10);
}
