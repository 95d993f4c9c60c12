/** `secretgrad init`: makes the identities of a new cluster and its public cluster file. Starts nothing. */
import type { ChosenProtocol, ProtocolName } from "../../src/protocol/index.js";
import { command, integer, jsonOption, list } from "../command.js";
import { UsageError } from "../errors.js";
import { output, table } from "../output.js";

export default command({
  description: "Make a cluster: its public file, and a private key for each party and user",
  details:
    "Writes DIR/cluster.json (public: give it to everybody), DIR/keys/NAME.pem (private: give each to NAME alone, then\n" +
    "delete it here) and DIR/storage-keys/NAME.key (what a party's disk is encrypted with; keep it off that disk).\n" +
    "--protocol takes the names that cluster files have, too: additive-3, or additive-2-dealt, whose dealer deals ahead and\n" +
    "is no member (`secretgrad deal --help`).",
  args: {
    dir: { type: "positional", description: "Where to write", default: "." },
    protocol: {
      type: "string",
      description: "How secrets are shared: rep3 among three parties, additive among two or more and a dealer",
      default: "rep3",
    },
    parties: {
      type: "string",
      description: "Names of the parties, in order; default p0,p1, as many as the protocol needs",
      valueHint: "names",
    },
    dealer: {
      type: "string",
      description: "Of additive: who hands out random numbers and holds no shares; default dealer",
      valueHint: "name",
    },
    comparison: {
      type: "string",
      description:
        "Of additive between two parties: adder, or fss, which takes fewer rounds and more bytes; default adder",
    },
    users: {
      type: "string",
      description: "NAME:ROLE, the role being owner (of data) or driver; default two owners and a driver",
      valueHint: "list",
    },
    host: {
      type: "string",
      description: "Where the parties listen: one for all, or one each, a dealer's last",
      default: "127.0.0.1",
      valueHint: "hosts",
    },
    port: {
      type: "string",
      description: "The first party's port; the next ones follow, if they share a host. 0: free ports of this machine",
      default: "4000",
    },
    serve: {
      type: "string",
      description:
        "Where clients of served models connect: the first party's port; the next ones follow. 0: free ports. Default: nowhere",
      valueHint: "port",
    },
    json: jsonOption,
  },
  examples: [
    ["secretgrad init my", "three parties on this machine, the owners alice and bob, one driver"],
    [
      "secretgrad init ward --parties north,south,west --host n.example,s.example,w.example --port 4000",
      "three parties on machines of their own",
    ],
    ["secretgrad init my --users clinic:owner,lab:owner,ann:driver", "other people"],
    [
      "secretgrad init my --protocol additive --parties east,west --dealer james",
      "two parties, and james deals to them",
    ],
    ["secretgrad init my --port 5000 --serve 4000", "parties that can serve models, at ports 4000, 4001 and 4002"],
  ],
  async run(args) {
    const { definition, names: members } = await choose(args);
    const dealer = definition.dealer === undefined ? undefined : members[definition.dealer];
    const hosts = list(args.host);
    if (hosts.length !== 1 && hosts.length !== members.length)
      throw new UsageError(`--host: expected one host, or ${members.length}, got ${hosts.length}`);
    const first = integer("port", args.port, 0, 65535);
    const users = list(args.users ?? usualUsers(members)).map((text) => {
      const [name, role, ...rest] = text.split(":");
      if (!name || (role !== "owner" && role !== "driver") || rest.length > 0)
        throw new UsageError(`--users: expected NAME:owner or NAME:driver, got ${text}`);
      return { name, role } as const;
    });
    const { createCluster } = await import("../init.js");
    const serve = args.serve === undefined ? undefined : integer("serve", args.serve, 0, 65535);
    const { freePorts } = await import("../ports.js");
    const free = first === 0 || serve === 0 ? await freePorts(2 * members.length) : [];
    /** The i-th of ports that are free, or follow each other where hosts are shared. */
    const portOf = (from: number, i: number, ofFree: number) =>
      from === 0 ? free[ofFree + i]! : hosts.length === 1 ? from + i : from;
    const made = await createCluster(args.dir, {
      protocol: definition.name,
      parties: members.map((name, i) => ({
        name,
        host: hosts.length === 1 ? hosts[0]! : hosts[i]!,
        port: portOf(first, i, 0),
        ...(serve === undefined || i === definition.dealer ? {} : { serve: portOf(serve, i, members.length) }),
      })),
      users,
    });
    const out = output(args.json);
    const dealing = dealer === undefined ? {} : { dealer };
    out.object({ cluster: made.clusterFile, ...dealing, keys: made.keys, storageKeys: made.storageKeys });
    const rows = [
      ...made.cluster.parties.map(({ name, host, port, serve }) => [
        name,
        `${name === dealer ? "dealer" : "party"} at ${host}:${port}${serve === undefined ? "" : `, clients at ${serve}`}`,
        made.keys[name]!,
        made.storageKeys[name]!,
      ]),
      ...made.cluster.users.map(({ name, role }) => [name, role, made.keys[name]!, ""]),
    ];
    out.line(table(["NAME", "ROLE", "PRIVATE KEY", "STORAGE KEY"], rows));
    out.line();
    if (dealer !== undefined)
      out.line(
        `${dealer} deals: it holds no shares and learns no value, but with any one party it could learn everything.`,
      );
    out.line(`${made.clusterFile} is public. Each private key belongs to its name alone.`);
    out.line(`Next, all on this machine: secretgrad up ${args.dir}`);
    out.line(`     or on each machine:   secretgrad party ${members[0]} --cluster ${made.clusterFile}`);
    if (definition.live)
      out.line(`No dealer is there while they compute: \`secretgrad deal --help\` says how to deal ahead.`);
    if (dealer !== undefined)
      out.line(`     and on the dealer's:  secretgrad dealer ${dealer} --cluster ${made.clusterFile}`);
  },
});

interface ProtocolArgs {
  readonly protocol: string;
  readonly parties?: string | undefined;
  readonly dealer?: string | undefined;
  readonly comparison?: string | undefined;
}
/** `additive` or a protocol as cluster files name it; parties are those that compute, with the dealer beside them or as the last. */
async function choose({ protocol, parties, dealer, comparison }: ProtocolArgs): Promise<ChosenProtocol> {
  const { chooseProtocol } = await import("../../src/protocol/index.js");
  if (comparison !== undefined && comparison !== "adder" && comparison !== "fss")
    throw new UsageError(`--comparison: expected adder or fss, got ${comparison}`);
  if (protocol === "additive") {
    return chooseProtocol({
      kind: "additive",
      parties: list(parties ?? "p0,p1"),
      dealer: dealer ?? usualDealer,
      ...(comparison === undefined ? {} : { comparison }),
    });
  }
  if (comparison !== undefined && protocol !== "additive-2")
    throw new UsageError(`--comparison: expected --protocol additive, got ${protocol}`);
  const { definition, names } = chooseProtocol((comparison === "fss" ? `${protocol}-fss` : protocol) as ProtocolName);
  const given = parties === undefined ? undefined : list(parties);
  if (definition.dealer === undefined) {
    if (dealer !== undefined)
      throw new UsageError(`--dealer: expected a protocol with a dealer, got ${protocol}; try --protocol additive`);
    return { definition, names: given ?? names };
  }
  // As cluster files have them, the dealer being the last.
  if (dealer === undefined && given?.length === definition.parties) return { definition, names: given };
  return { definition, names: [...(given ?? names.slice(0, definition.dealer)), dealer ?? usualDealer] };
}
const usualDealer = "dealer";

/** Two owners and a driver whose names no party has. */
function usualUsers(parties: readonly string[]): string {
  const free = (names: readonly string[]) => names.filter((name) => !parties.includes(name));
  const owners = free(["alice", "bob", "carol", "dave", ...Array.from({ length: 16 }, (_, i) => `owner${i}`)]);
  const [driver] = free(["driver", ...Array.from({ length: 16 }, (_, i) => `driver${i}`)]);
  return `${owners[0]}:owner,${owners[1]}:owner,${driver}:driver`;
}
