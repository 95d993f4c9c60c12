/** What `secretgrad party` and `secretgrad dealer` share: runs one member of a cluster until it is stopped. Not their help. */
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BrokerState, OnBrokerState } from "../src/net/index.js";
import type { Logger } from "../src/party/index.js";
import {
  clusterOption,
  integer,
  jsonOption,
  keyOption,
  memoryOption,
  memorySize,
  natsOption,
  natsServer,
} from "./command.js";
import { CommandError, UsageError } from "./errors.js";
import { optimiseEarly } from "./node-flags.js";
import { stopSignal } from "./stop.js";

export const memberOptions = {
  cluster: clusterOption,
  key: keyOption,
  data: {
    type: "string",
    description: "Where it keeps its files, encrypted; default data/NAME beside the cluster file",
    valueHint: "dir",
  },
  "storage-key": {
    type: "string",
    description:
      "File of 32 bytes that encrypt them; default storage-keys/NAME.key beside the cluster file, or SECRETGRAD_STORAGE_KEY (base64)",
    valueHint: "file",
  },
  host: { type: "string", description: "Listen here instead of where the cluster file says", valueHint: "host" },
  port: { type: "string", description: "The same for the port", valueHint: "port" },
  memory: memoryOption,
  threads: {
    type: "string",
    description:
      "Threads for large products: 1, 2 or auto, which is 2 where this machine has more cores than members of the cluster",
    default: "auto",
    valueHint: "number",
  },
  json: { ...jsonOption, description: "Log as JSON lines on stdout" },
} as const;

/** Of parties only: a dealer has no clients. */
export const servingOptions = {
  serve: {
    type: "string",
    description: "Port for clients of served models, instead of where the cluster file says",
    valueHint: "port",
  },
  "serve-cert": {
    type: "string",
    description:
      "Certificate chain and key in PEM for clients, from an authority that browsers know; default: the party's own",
    valueHint: "file",
  },
  nats: natsOption,
  "serve-insecure": { type: "boolean", description: "Serve clients without TLS, on this machine only" },
} as const;

export interface MemberOptions {
  readonly name: string;
  /** Which of the two it is started as; it must be that in the cluster file. */
  readonly as: "party" | "dealer";
  readonly cluster: string;
  readonly key?: string | undefined;
  readonly data?: string | undefined;
  readonly storageKey?: string | undefined;
  /** Files and directories of a dealer who has dealt ahead. */
  readonly dealt?: readonly string[] | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly serve?: string | undefined;
  readonly serveCert?: string | undefined;
  readonly serveInsecure?: boolean | undefined;
  readonly nats?: string | undefined;
  readonly memory?: string | undefined;
  readonly threads: string;
  readonly json?: boolean | undefined;
}

const brokerStates: Readonly<Record<BrokerState, string>> = {
  connected: "connected to the broker",
  lost: "lost the broker; connecting again",
  refused: "the broker refuses",
  waiting: "no broker yet; still trying",
};
const tellBroker =
  (logger: Logger): OnBrokerState =>
  (state, about) =>
    logger[state === "connected" ? "info" : "warn"](brokerStates[state], about);

export async function runMember(options: MemberOptions): Promise<void> {
  optimiseEarly();
  const { readIdentity, checkPin } = await import("../src/client/identity-file.js");
  const { readCluster } = await import("../src/client/cluster-file.js");
  const { Daemon, indexOfParty, openStores } = await import("../src/party/index.js");
  const { protocolNamed } = await import("../src/protocol/index.js");
  const { openBroker } = await import("../src/net/index.js");
  const { readVersion } = await import("./version.js");
  const { readStorageKey } = await import("./storage-key.js");
  const { log } = await import("./log.js");

  const { name, as } = options;
  const limits = options.memory === undefined ? {} : { memoryBytes: memorySize("memory", options.memory) };
  const threads = (["auto", 1, 2] as const).find((choice) => String(choice) === options.threads);
  if (threads === undefined)
    throw new UsageError(`--threads: expected 1, 2 or auto, got ${options.threads}; try --threads auto`);
  const beside = (...path: string[]) => join(dirname(options.cluster), ...path);
  const cluster = await readCluster(options.cluster);
  const definition = protocolNamed(cluster.protocol);
  const index = indexOfParty(cluster, name);
  const is = index === definition.dealer ? "dealer" : "party";
  if (is !== as)
    throw new UsageError(
      `${as} ${name}: expected a ${as} of ${options.cluster}, got ${is === "dealer" ? "its dealer" : "a party"}; try secretgrad ${is} ${name}`,
    );
  const own = cluster.parties[index]!;
  const keyFile = options.key ?? beside("keys", `${name}.pem`);
  const identity = await readIdentity(keyFile);
  checkPin(identity, name, own.pin, keyFile);
  const directory = options.data ?? beside("data", name);
  const key = await readStorageKey(options.storageKey, beside("storage-keys", `${name}.key`), directory);
  // Made if it is not there, so that what is put there later is found without a restart.
  if (definition.live && !options.dealt) mkdirSync(beside("dealt"), { recursive: true, mode: 0o700 });
  const dealt = options.dealt ?? (definition.live ? [beside("dealt")] : []);
  const stores = openStores(directory, key);
  key.fill(0);
  const logger = log(options.json ?? false);
  const host = options.host ?? own.host;
  const port = options.port === undefined ? own.port : integer("port", options.port, 0, 65535);
  const serve = await servingOf(options, host, is === "dealer" ? undefined : own.serve);
  const server = as === "party" ? natsServer(options.nats) : undefined;
  const broker =
    server === undefined ? undefined : await openBroker(server, { wait: true, onState: tellBroker(logger) });
  let daemon: InstanceType<typeof Daemon>;
  let address: { host: string; port: number };
  try {
    daemon = new Daemon({
      ...{ cluster, identity, definition, stores, version: readVersion() },
      ...{ listen: { host, port }, serve, broker, dealt, limits, threads, log: logger },
    });
    address = await daemon.start();
  } catch (error) {
    stores.close();
    await broker?.close();
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EADDRINUSE" || code === "EACCES" || code === "EADDRNOTAVAIL")
      throw new CommandError(
        `${as} ${name}: expected to listen at ${host}:${port}, got ${code}; try stopping what listens there, or another port for ${name} in ${options.cluster}`,
      );
    throw error;
  }
  const role = as === "dealer" ? { deals: true } : {};
  if (daemon.serving) logger.info("serving", { party: name, ...daemon.serving, tls: !options.serveInsecure });
  logger.info("listening", { party: name, ...role, host: address.host, port: address.port, data: directory });
  await stopSignal();
  logger.info("stopping", { party: name });
  await daemon.close();
  // Whatever is left open is no reason to stay.
  process.exit(0);
}

/** Where clients of served models connect, if anywhere. */
async function servingOf(
  { serve, serveCert, serveInsecure }: MemberOptions,
  host: string,
  usual: number | undefined,
): Promise<
  { host: string; port: number; identity?: { certPem: string; keyPem: string }; insecure?: boolean } | undefined
> {
  const port = serve === undefined ? usual : integer("serve", serve, 0, 65535);
  if (port === undefined) return undefined;
  if (serveInsecure) return { host, port, insecure: true };
  if (serveCert === undefined) return { host, port };
  // Node takes certificates and key from one text.
  const pem = await readFile(serveCert, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CommandError(`${serveCert}: expected certificates and a key in PEM, got ${cause.code}; try its path`);
  });
  return { host, port, identity: { certPem: pem, keyPem: pem } };
}
