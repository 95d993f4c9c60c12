/** A benchmark's party as a process: TLS to its peers, orders from the benchmark over the process channel. */
import { optimiseEarly } from "../cli/node-flags.js";
import { connectTlsMesh, type Identity, type LinkModel, listen, PeerInbox, type Pin } from "../src/net/index.js";
import { createSplitKernels } from "../src/ring/threads/split.js";
import { BenchParty, type RunOrder } from "./party.js";
import { probe } from "./probe.js";

export type Order =
  | { readonly do: "listen"; readonly identity: Identity; readonly pins: readonly (readonly [string, Pin])[] }
  | {
      readonly do: "connect";
      readonly protocol: string;
      readonly names: readonly string[];
      readonly self: number;
      readonly addresses: readonly { host: string; port: number; fingerprint: string }[];
      readonly link: LinkModel | undefined;
      readonly profiled: boolean;
      readonly threads: 1 | 2;
    }
  | { readonly do: "run"; readonly order: RunOrder }
  | { readonly do: "memory" }
  | { readonly do: "probe" }
  | { readonly do: "ring"; readonly run: number; readonly bytes: number; readonly rounds: number };

optimiseEarly();
const inbox = new PeerInbox();
let identity: Identity;
let party: BenchParty;

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case "listen": {
      identity = order.identity;
      const listener = await listen("127.0.0.1", 0, identity, new Map(order.pins), (connection) =>
        inbox.offer(connection),
      );
      return listener.port;
    }
    case "connect": {
      const { names, self, protocol, addresses, link, profiled, threads } = order;
      const agreement = { library: "bench", kernels: "", protocol, label: "bench", names, self };
      const peers = addresses.map((address, i) => (i === self ? undefined : address));
      const mesh = await connectTlsMesh({
        agreement,
        identity,
        peers,
        inbox,
        timeoutMs: 120_000,
        earlyLimitBytes: 2 ** 30,
        ...(link && { link }),
      });
      party = new BenchParty(protocol, mesh, profiled, threads === 2 ? createSplitKernels().kernels : undefined);
      return undefined;
    }
    case "run":
      return party.run(order.order);
    case "memory":
      return party.memory();
    case "probe":
      return probe();
    case "ring":
      return party.ring(order.run, order.bytes, order.rounds);
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: String(error instanceof Error ? error.stack : error) }),
  );
});
process.on("disconnect", () => process.exit(0));
