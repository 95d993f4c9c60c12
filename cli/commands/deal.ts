/** `secretgrad deal`: a dealer's work ahead of time, into files. Not the dealer that is there while parties compute, see dealer.ts. */
import { dirname, isAbsolute, join, relative } from "node:path";
import type { Plan } from "../../src/plan/index.js";
import { clusterOption, command, integer, jsonOption, list } from "../command.js";
import { CommandError, UsageError } from "../errors.js";
import { bytesText, output, progress, secondsText, table } from "../output.js";

export default command({
  description: "Deal ahead: write what the parties need to run a plan so many times",
  details:
    "For clusters whose protocol ends in -dealt, which have no dealer. Makes DIR/NAME.deal and its account DIR/NAME.deal.used\n" +
    "for each party. Give both to NAME alone over a safe channel, then delete them here: whoever has the files of all parties,\n" +
    "or of one and what another has seen, can undo shares. Each step is used once, also when its run fails.",
  args: {
    plan: { type: "positional", description: "File that `secretgrad plan DIGEST --save FILE` made", required: true },
    steps: { type: "string", description: "Runs to deal for", required: true, valueHint: "count" },
    out: { type: "string", description: "Directory for the files", required: true, valueHint: "dir" },
    scalars: {
      type: "string",
      description: "Numbers that the driver gives with each run, as SLOT=MANTISSA; a refused run names them",
      valueHint: "list",
    },
    cluster: clusterOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad init my --protocol additive-2-dealt --parties north,south", "two parties, whose dealer is not there"],
    ["secretgrad plan 3f9a12 --save step.plan", "a plan that a driver has tried to run"],
    [
      "secretgrad deal step.plan --steps 1000 --scalars lr=410,lr.order=64 --out dealt/step",
      "for a thousand training steps",
    ],
    ["secretgrad party north --dealt dealt", "uses dealt/step/north.deal"],
    [
      "secretgrad deal step.plan --steps 9 --out my/dealt/step --cluster my/cluster.json",
      "parties of `secretgrad up my` find these by themselves",
    ],
  ],
  async run(args) {
    const started = performance.now();
    const out = output(args.json);
    const steps = integer("steps", args.steps, 1, 2 ** 32);
    const scalars = Object.fromEntries(list(args.scalars ?? "").map(scalarOf));
    const { readCluster } = await import("../../src/client/cluster-file.js");
    const { deal } = await import("../../src/party/index.js");
    const { decodePlan } = await import("../../src/plan/index.js");
    const { protocolNamed } = await import("../../src/protocol/index.js");
    const { readVersion } = await import("../version.js");
    const { readFile } = await import("node:fs/promises");

    const cluster = await readCluster(args.cluster);
    const bytes = await readFile(args.plan).catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(
        `${args.plan}: expected a plan, got ${error.code}; try \`secretgrad plan DIGEST --save FILE\``,
      );
    });
    let plan: Plan;
    try {
      plan = decodePlan(new Uint8Array(bytes));
    } catch {
      throw new CommandError(
        `${args.plan}: expected a plan, got another kind of file or a damaged one; try \`secretgrad plan DIGEST --save FILE\``,
      );
    }
    const bar = await progress(`Dealing ${steps} runs of plan ${plan.digest.slice(0, 12)}`, steps, out);
    const { id, files } = await deal({
      ...{ plan, steps, scalars, definition: protocolNamed(cluster.protocol), directory: args.out },
      ...{ names: cluster.parties.map(({ name }) => name), version: readVersion() },
      onStep: (done) => bar.at(done, `${done} of ${steps}`),
    });
    const seconds = (performance.now() - started) / 1000;
    bar.stop(`Dealt ${steps} runs in ${secondsText(seconds)}`);
    out.object({ plan: plan.digest, steps, scalars, id, files, seconds });
    out.line(
      table(
        ["PARTY", "FILE, AND ITS ACCOUNT", "SIZE"],
        files.map(({ party, path, bytes: size }) => [party, `${path}, ${path}.used`, bytesText(size)]),
      ),
    );
    out.line();
    out.line("Give each party its two files over a safe channel, then delete them here.");
    const found = join(dirname(args.cluster), "dealt");
    out.line(
      `${isWithin(found, args.out) ? "Parties on this machine find them by themselves; elsewhere" : "Next, at each party"}: secretgrad party ${files[0]!.party} --dealt ${args.out}`,
    );
  },
});

/** Parties look in `dealt` beside the cluster file. */
const isWithin = (directory: string, path: string) => {
  const way = relative(directory, path);
  return !way.startsWith("..") && !isAbsolute(way);
};

function scalarOf(text: string): [string, number] {
  const [slot, mantissa, ...rest] = text.split("=");
  const value = Number(mantissa);
  if (!slot || mantissa === undefined || !/^-?\d+$/.test(mantissa) || rest.length > 0)
    throw new UsageError(`--scalars: expected SLOT=MANTISSA, got ${text}`);
  return [slot, value];
}
