/** `secretgrad init`: makes the identities of a new cluster and its public cluster file. Starts nothing. */
import { command, integer, jsonOption, list } from "../command.js";
import { UsageError } from "../errors.js";
import { output, table } from "../output.js";

export default command({
  description: "Make a cluster: its public file, and a private key for each party and user",
  details:
    "Writes DIR/cluster.json (public: give it to everybody), DIR/keys/NAME.pem (private: give each to NAME alone, then\n" +
    "delete it here) and DIR/storage-keys/NAME.key (what a party's disk is encrypted with; keep it off that disk).",
  args: {
    dir: { type: "positional", description: "Where to write", default: "." },
    parties: { type: "string", description: "Names, in order", default: "p0,p1,p2", valueHint: "names" },
    users: {
      type: "string",
      description: "NAME:ROLE, the role being owner (of data) or driver",
      default: "alice:owner,bob:owner,driver:driver",
      valueHint: "list",
    },
    host: {
      type: "string",
      description: "Where the parties listen: one for all, or one each",
      default: "127.0.0.1",
      valueHint: "hosts",
    },
    port: {
      type: "string",
      description: "The first party's port; the next ones follow, if they share a host. 0: free ports of this machine",
      default: "4000",
    },
    protocol: { type: "string", description: "How secrets are shared", default: "rep3" },
    json: jsonOption,
  },
  examples: [
    ["secretgrad init my", "three parties on this machine, the owners alice and bob, one driver"],
    [
      "secretgrad init ward --parties north,south,west --host n.example,s.example,w.example --port 4000",
      "three parties on machines of their own",
    ],
    ["secretgrad init my --users clinic:owner,lab:owner,ann:driver", "other people"],
  ],
  async run(args) {
    const parties = list(args.parties);
    const hosts = list(args.host);
    if (hosts.length !== 1 && hosts.length !== parties.length)
      throw new UsageError(`--host: expected one host, or ${parties.length}, got ${hosts.length}`);
    const first = integer("port", args.port, 0, 65535);
    const users = list(args.users).map((text) => {
      const [name, role, ...rest] = text.split(":");
      if (!name || (role !== "owner" && role !== "driver") || rest.length > 0)
        throw new UsageError(`--users: expected NAME:owner or NAME:driver, got ${text}`);
      return { name, role } as const;
    });
    const { createCluster } = await import("../init.js");
    const free = first === 0 ? await (await import("../ports.js")).freePorts(parties.length) : undefined;
    const made = await createCluster(args.dir, {
      protocol: args.protocol,
      parties: parties.map((name, i) => ({
        name,
        host: hosts.length === 1 ? hosts[0]! : hosts[i]!,
        port: free ? free[i]! : hosts.length === 1 ? first + i : first,
      })),
      users,
    });
    const out = output(args.json);
    out.object({ cluster: made.clusterFile, keys: made.keys, storageKeys: made.storageKeys });
    const rows = [
      ...made.cluster.parties.map(({ name, host, port }) => [
        name,
        `party at ${host}:${port}`,
        made.keys[name]!,
        made.storageKeys[name]!,
      ]),
      ...made.cluster.users.map(({ name, role }) => [name, role, made.keys[name]!, ""]),
    ];
    out.line(table(["NAME", "ROLE", "PRIVATE KEY", "STORAGE KEY"], rows));
    out.line();
    out.line(`${made.clusterFile} is public. Each private key belongs to its name alone.`);
    out.line(`Next, all on this machine: secretgrad up ${args.dir}`);
    out.line(`     or on each machine:   secretgrad party ${parties[0]} --cluster ${made.clusterFile}`);
  },
});
