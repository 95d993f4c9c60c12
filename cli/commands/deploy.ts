/** `secretgrad deploy`: shares a model among the parties, which then answer clients under a policy. */
import type { DeployedModel } from "../../src/client/index.js";
import type { PolicyOptions } from "../../src/serving/policy.js";
import {
  clusterOption,
  command,
  integer,
  jsonOption,
  keyOption,
  list,
  natsOption,
  natsServer,
  userOption,
} from "../command.js";
import { CommandError, UsageError } from "../errors.js";
import { output, secondsText, table } from "../output.js";

export default command({
  description: "Have the parties serve a model of yours to clients, under a policy",
  details:
    "The weights are shared on this machine; each party stores its part, encrypted. Clients ask over TLS where the cluster file says\n" +
    '"serve" (`secretgrad init --serve 4000`), and need no key of the cluster: each gets a file with the addresses, the keys to expect and\n' +
    "a token of its own, written here once. The policy is a TOML file:\n\n" +
    '  reveal = "class"          # or "scores": all outputs\n' +
    "  queries = 1000            # in all; without, as many as they like\n\n" +
    "  [[clients]]\n" +
    '  name = "shop"\n' +
    "  queries = 100\n" +
    "  per-minute = 10\n" +
    "  expires = 2027-01-31T00:00:00Z\n\n" +
    "FILE is a model of ONNX, Keras (.h5, .keras) or TensorFlow.js (model.json), or a program whose default export is a model of secretgrad.\n\n" +
    "With --nats, --cluster takes several files, with commas: each of these groups of parties serves the model, and clients reach\n" +
    "whichever the broker picks. Allowances then hold at each group.",
  args: {
    file: { type: "positional", description: "The model", required: true },
    as: { type: "string", description: "What it is called", required: true, valueHint: "name" },
    policy: { type: "string", description: "The policy; without, one client may ask for classes", valueHint: "file" },
    input: { type: "string", description: "The shape of one input: 784, or 28,28,1", valueHint: "shape" },
    classes: { type: "string", description: "Names of the classes, in order", valueHint: "list" },
    trained: {
      type: "boolean",
      description: "Take the weights that the parties hold under the names of the program's parameters",
    },
    batch: { type: "string", description: "Most queries that are evaluated together", default: "128" },
    fraction: { type: "string", description: "Fraction bits", default: "16" },
    out: { type: "string", description: "Where clients' files go", default: ".", valueHint: "dir" },
    nats: {
      ...natsOption,
      description:
        "Clients reach the parties through this broker, or SECRETGRAD_NATS; written into their files, with a user and password if it has them",
    },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    [
      "secretgrad deploy digits.onnx --as digits --policy policy.toml",
      "writes digits.NAME.json for each client of the policy",
    ],
    [
      "secretgrad deploy digits.onnx --as digits --nats nats://broker:4222 --cluster g0/cluster.json,g1/cluster.json",
      "two groups of parties, one model",
    ],
    ["secretgrad deploy net.js --as net --input 784 --trained", "a network that was trained at these parties"],
  ],
  async run(args) {
    const started = performance.now();
    const out = output(args.json);
    const fraction = integer("fraction", args.fraction, 1, 24);
    const batch = integer("batch", args.batch, 1, 1024);
    const { readFile } = await import("node:fs/promises");
    const { join } = await import("node:path");
    const { parsePolicyFile } = await import("../../src/serving/policy.js");
    const { expectNoInvitations, writeInvitation } = await import("../invitation.js");
    const broker = natsServer(args.nats);
    const files = broker === undefined ? [args.cluster] : list(args.cluster);
    if (files.length > 1 && (args.trained || /\.m?[jt]s$/.test(args.file)))
      throw new UsageError(
        `${args.file}: expected weights that all groups can be given, got what one group holds or draws; try an ONNX file`,
      );
    const clusters = await Promise.all(files.map(readGroup));
    for (const { file, cluster } of clusters)
      if (broker === undefined && !cluster.parties.some(({ serve }) => serve !== undefined))
        throw new CommandError(
          `${file}: expected ports where clients connect ("serve" of each party), got none; try secretgrad init --serve 4000, or add them`,
        );
    const policy =
      args.policy === undefined
        ? { clients: [{ name: "client" }] }
        : parsePolicyFile(await readText(args.policy, readFile), args.policy);
    const fileOf = (client: string) => join(args.out, `${args.as}.${client}.json`);
    // Else a model would be served with tokens that nobody has.
    const ready = () =>
      expectNoInvitations(
        args.out,
        policy.clients.map(({ name }) => fileOf(name)),
      );
    const options = { fraction, batch, shape: shapeOf(args.input), ready };
    const deployed: DeployedModel[] = [];
    for (const { file, pins } of clusters)
      try {
        const own = await policyFor(policy, pins);
        deployed.push(await deployTo({ ...args, cluster: file }, { ...options, policy: own }));
      } catch (cause) {
        if (deployed.length === 0) throw cause;
        // Their tokens are gone with this process.
        const served = clusters.slice(0, deployed.length).map((group) => group.file);
        throw new CommandError(
          `${file}: expected to deploy ${args.as} there, too, got: ${cause instanceof Error ? cause.message : cause}\nIt is served by ${served.join(", ")} with tokens that nobody has; try secretgrad deployments --withdraw ${args.as} --cluster FILE for each, and deploying again`,
        );
      }
    const [{ version, invitations }] = deployed as [DeployedModel];
    const rows: string[][] = [];
    for (const [client, invitation] of invitations) {
      const file = fileOf(client);
      const groups = clusters.map(({ pins }, i) => ({
        parties: pins,
        token: deployed[i]!.invitations.get(client)!.token,
      }));
      await writeInvitation(file, broker === undefined ? invitation : { model: args.as, broker, groups });
      rows.push([client, file]);
    }
    const seconds = (performance.now() - started) / 1000;
    out.object({ model: args.as, version, clients: Object.fromEntries(rows), seconds });
    out.line(`The parties serve ${args.as}. Took ${secondsText(seconds)}.`);
    out.line(table(["CLIENT", "FILE WITH ITS TOKEN"], rows));
    out.line("Give each client its file, and nobody else: secretgrad ask FILE IMAGES");
  },
});

/** A group by its cluster file, with the pins of those of it that compute. */
async function readGroup(file: string) {
  const { readCluster } = await import("../../src/client/cluster-file.js");
  const { protocolNamed } = await import("../../src/protocol/index.js");
  const cluster = await readCluster(file);
  const { dealer } = protocolNamed(cluster.protocol);
  return { file, cluster, pins: cluster.parties.filter((_, party) => party !== dealer).map(({ pin }) => pin) };
}

/** With tokens of this group's own, also where the file gives one: an organisation may be another party of another group. */
async function policyFor({ clients, ...rest }: PolicyOptions, pins: readonly string[]): Promise<PolicyOptions> {
  const { tokenFor } = await import("../../src/scale/index.js");
  return {
    ...rest,
    clients: clients.map(({ token, ...client }) =>
      token === undefined ? client : { ...client, token: tokenFor(token, pins) },
    ),
  };
}

interface DeployArguments {
  readonly file: string;
  readonly as: string;
  readonly cluster: string;
  readonly classes?: string | undefined;
  readonly trained?: boolean | undefined;
  readonly key?: string | undefined;
  readonly user?: string | undefined;
}

async function deployTo(
  args: DeployArguments,
  {
    policy,
    fraction,
    batch,
    shape,
    ready,
  }: {
    policy: PolicyOptions;
    fraction: number;
    batch: number;
    shape?: number[] | undefined;
    /** Throws if it cannot be deployed for a reason of this machine. */
    ready: () => Promise<void>;
  },
): Promise<DeployedModel> {
  const { readModelFile } = await import("../model-file.js");
  const { whoAmI } = await import("../reach.js");
  const { connect } = await import("../../src/client/index.js");
  // Anew for each group: a model's parameters belong to one session.
  const { model, input = shape } = await readModelFile(args.file);
  if (!input) throw new UsageError("--input: expected the shape of one input, which the file does not say, got none");
  const session = await connect(args.cluster, { ...(await whoAmI(args, "driver")), fraction });
  try {
    if ((await session.deployments()).some(({ name }) => name === args.as))
      throw new CommandError(
        `deploy: expected a new name, got ${args.as}, which is served; try another, or secretgrad deployments --withdraw ${args.as}`,
      );
    await ready();
    if (args.trained) {
      const wanted = [...model.parameters(), ...model.buffers()];
      const found = await session.resume(wanted);
      if (found < wanted.length)
        throw new CommandError(
          `${args.file}: expected the parties to hold all of ${wanted.length} parameters, got ${found}; try nn.named() as when it was trained, or without --trained`,
        );
    }
    return await session.deploy(args.as, model, {
      ...{ input, policy, largestBatch: batch },
      ...(args.classes === undefined ? {} : { classes: list(args.classes) }),
    });
  } finally {
    await session.close();
  }
}

function shapeOf(text: string | undefined): number[] | undefined {
  return text === undefined ? undefined : list(text).map((length) => integer("input", length, 1, 2 ** 31 - 1));
}

async function readText(path: string, read: (path: string, encoding: "utf8") => Promise<string>): Promise<string> {
  try {
    return await read(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "an error";
    throw new CommandError(`${path}: expected a policy, got ${code}; try its path`);
  }
}
