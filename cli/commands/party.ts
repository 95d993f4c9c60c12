/** `secretgrad party`: runs one party of a cluster on this machine until it is stopped. */
import { dirname, join } from "node:path";
import { clusterOption, command, integer, jsonOption, keyOption } from "../command.js";
import { CommandError } from "../errors.js";
import { stopSignal } from "../stop.js";

export default command({
  description: "Run one party, until Ctrl-C",
  details:
    "A party holds one share of everything and learns nothing from it. Run each party in another organisation, on another\n" +
    "machine. It reconnects to its peers by itself; what it has acknowledged survives a restart.",
  args: {
    name: { type: "positional", description: "Which party of the cluster file", required: true },
    cluster: clusterOption,
    key: keyOption,
    data: {
      type: "string",
      description: "Where it keeps its shares, encrypted; default data/NAME beside the cluster file",
      valueHint: "dir",
    },
    "storage-key": {
      type: "string",
      description:
        "File of 32 bytes that encrypt the shares; default storage-keys/NAME.key beside the cluster file, or SECRETGRAD_STORAGE_KEY (base64)",
      valueHint: "file",
    },
    host: { type: "string", description: "Listen here instead of where the cluster file says", valueHint: "host" },
    port: { type: "string", description: "The same for the port", valueHint: "port" },
    json: { ...jsonOption, description: "Log as JSON lines on stdout" },
  },
  examples: [
    ["secretgrad party p0 --cluster my/cluster.json", "the files as `secretgrad init my` made them"],
    [
      "secretgrad party north --cluster cluster.json --key /run/keys/north.pem --data /var/lib/secretgrad --storage-key /run/keys/north.key",
      "every file where your site wants it",
    ],
  ],
  async run(args) {
    const { readIdentity, checkPin } = await import("../../src/client/identity-file.js");
    const { readCluster } = await import("../../src/client/cluster-file.js");
    const { Daemon, indexOfParty, openStores } = await import("../../src/party/index.js");
    const { protocolNamed } = await import("../../src/protocol/index.js");
    const { readVersion } = await import("../version.js");
    const { readStorageKey } = await import("../storage-key.js");
    const { log } = await import("../log.js");

    const { name } = args;
    const beside = (...path: string[]) => join(dirname(args.cluster), ...path);
    const cluster = await readCluster(args.cluster);
    const own = cluster.parties[indexOfParty(cluster, name)]!;
    const keyFile = args.key ?? beside("keys", `${name}.pem`);
    const identity = await readIdentity(keyFile);
    checkPin(identity, name, own.pin, keyFile);
    const directory = args.data ?? beside("data", name);
    const key = await readStorageKey(args["storage-key"], beside("storage-keys", `${name}.key`), directory);
    const stores = openStores(directory, key);
    key.fill(0);
    const logger = log(args.json ?? false);
    const port = args.port === undefined ? own.port : integer("port", args.port, 0, 65535);
    let daemon: InstanceType<typeof Daemon>;
    let address: { host: string; port: number };
    try {
      const definition = protocolNamed(cluster.protocol);
      daemon = new Daemon({
        cluster,
        identity,
        definition,
        stores,
        version: readVersion(),
        listen: { host: args.host ?? own.host, port },
        log: logger,
      });
      address = await daemon.start();
    } catch (error) {
      stores.close();
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EADDRINUSE" || code === "EACCES" || code === "EADDRNOTAVAIL")
        throw new CommandError(
          `party ${name}: expected to listen at ${args.host ?? own.host}:${port}, got ${code}; try --port or stop what listens there`,
        );
      throw error;
    }
    logger.info("listening", { party: name, host: address.host, port: address.port });
    await stopSignal();
    logger.info("stopping", { party: name });
    await daemon.close();
    // Whatever is left open is no reason to stay.
    process.exit(0);
  },
});
