/** Parties in this process that serve clients over TLS, and a driver's session with them. Not a test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCluster } from "../../cli/init.js";
import { freePorts } from "../../cli/ports.js";
import { readIdentity } from "../../src/client/identity-file.js";
import { connect, type Session } from "../../src/client/index.js";
import { Daemon, type DaemonOptions, memoryStores, type Stores } from "../../src/party/index.js";
import { protocolNamed } from "../../src/protocol/index.js";

export interface ServingClusterOptions {
  readonly protocol?: string;
  readonly limits?: DaemonOptions["limits"];
  readonly serve?: Partial<NonNullable<DaemonOptions["serve"]>>;
  readonly timeoutMs?: number;
  readonly stores?: (party: number) => Stores;
  readonly broker?: (party: number) => DaemonOptions["broker"];
  readonly log?: (party: number) => DaemonOptions["log"];
}

export class ServingCluster {
  readonly daemons: Daemon[] = [];
  private constructor(
    readonly directory: string,
    readonly file: string,
    readonly start: (party: number) => Promise<Daemon>,
  ) {}

  static async start(options: ServingClusterOptions = {}): Promise<ServingCluster> {
    const { protocol = "rep3", limits, serve, timeoutMs = 5_000 } = options;
    const definition = protocolNamed(protocol);
    const directory = mkdtempSync(join(tmpdir(), "secretgrad-serving-"));
    const names = Array.from({ length: definition.parties }, (_, i) => `p${i}`);
    const ports = await freePorts(names.length * 2);
    const made = await createCluster(directory, {
      protocol,
      parties: names.map((name, i) => ({
        ...{ name, host: "127.0.0.1", port: ports[i]! },
        ...(i === definition.dealer ? {} : { serve: ports[names.length + i]! }),
      })),
      users: [
        { name: "driver", role: "driver" },
        { name: "alice", role: "owner" },
      ],
      timeoutMs,
    });
    const stores = names.map((_, i) => options.stores?.(i) ?? memoryStores());
    const start = async (party: number): Promise<Daemon> => {
      const identity = await readIdentity(made.keys[names[party]!]!);
      const log = options.log?.(party);
      const port = ports[names.length + party]!;
      const daemon = new Daemon({
        ...{ cluster: made.cluster, identity, definition, stores: stores[party]!, version: "test" },
        ...(limits ? { limits } : {}),
        ...(log ? { log } : {}),
        ...(options.broker ? { broker: options.broker(party) } : {}),
        ...(party === definition.dealer ? {} : { serve: { host: "127.0.0.1", port, ...serve } }),
      });
      await daemon.start();
      cluster.daemons[party] = daemon;
      return daemon;
    };
    const cluster: ServingCluster = new ServingCluster(directory, made.clusterFile, start);
    for (const party of names.keys()) await start(party);
    return cluster;
  }

  connect(fraction = 16, integerBits = 15): Promise<Session> {
    return connect(this.file, { as: "driver", fraction, integerBits });
  }

  async close(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
