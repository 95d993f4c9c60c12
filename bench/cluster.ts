/** The parties of a benchmark, as processes over TLS or in this process over memory, behind one interface. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { partyFlags } from "../cli/node-flags.js";
import { createIdentity, createMemoryMeshes, fingerprint, type LinkModel, type Pin } from "../src/net/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import type { KernelSets } from "../src/ring/index.js";
import { BenchParty, type MemoryReport, type RunOrder, type RunReport } from "./party.js";
import { type Probe, probe } from "./probe.js";
import type { Order } from "./worker.js";

export interface BenchCluster {
  readonly parties: number;
  /** 1 if all parties are in this one. */
  readonly processes: number;
  run(order: (party: number) => Omit<RunOrder, "run">): Promise<RunReport[]>;
  ring(bytes: number, rounds: number): Promise<number>;
  /** So many of the processes, or all if there are fewer, compute at once. */
  probe(processes: number): Promise<readonly Probe[]>;
  /** By party, between runs. */
  memory(): Promise<MemoryReport[]>;
  close(): void;
}

export interface ClusterOptions {
  readonly link?: LinkModel | undefined;
  /** Whether runs may be profiled. */
  readonly profiled?: boolean;
  /** Of a party that is alone, over memory. */
  readonly kernels?: KernelSets;
  /** Of each process, over TLS. */
  readonly threads?: 1 | 2;
}

export async function memoryCluster(
  protocol: string,
  { link, profiled, kernels }: ClusterOptions = {},
): Promise<BenchCluster> {
  const count = protocolNamed(protocol).parties;
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  const parties = createMemoryMeshes(names, {
    timeoutMs: 120_000,
    earlyLimitBytes: 2 ** 30,
    ...(link && { link }),
  }).map((mesh) => new BenchParty(protocol, mesh, profiled, kernels));
  let run = -1;
  return {
    parties: count,
    processes: 1,
    run(order) {
      run += 2;
      return Promise.all(parties.map((party, i) => party.run({ ...order(i), run })));
    },
    async ring(bytes, rounds) {
      run += 2;
      return Math.max(...(await Promise.all(parties.map((party) => party.ring(run, bytes, rounds)))));
    },
    probe: async () => [probe()],
    memory: async () => parties.map((party) => party.memory()),
    close() {},
  };
}

export async function tlsCluster(
  protocol: string,
  { link, profiled = false, threads = 1 }: ClusterOptions = {},
): Promise<BenchCluster> {
  const count = protocolNamed(protocol).parties;
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  const identities = await Promise.all(names.map((name) => createIdentity(name)));
  const fingerprints = identities.map((identity) => fingerprint(identity.certPem));
  const pins = names.map((name, index): [string, Pin] => [fingerprints[index]!, { name, role: "party", index }]);
  const path = fileURLToPath(new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
  const children = names.map(() =>
    fork(path, { serialization: "advanced", execArgv: [...process.execArgv, ...partyFlags] }),
  );
  const close = () => {
    for (const child of children) child.kill();
  };
  try {
    const ports = await Promise.all(
      children.map((child, i) => ask(child, { do: "listen", identity: identities[i]!, pins })),
    );
    const addresses = ports.map((port, i) => ({
      host: "127.0.0.1",
      port: port as number,
      fingerprint: fingerprints[i]!,
    }));
    await Promise.all(
      children.map((child, self) =>
        ask(child, { do: "connect", protocol, names, self, addresses, link, profiled, threads }),
      ),
    );
  } catch (error) {
    close();
    throw error;
  }
  let run = -1;
  return {
    parties: count,
    processes: count,
    run(order) {
      run += 2;
      return Promise.all(
        children.map((child, i) => ask(child, { do: "run", order: { ...order(i), run } }) as Promise<RunReport>),
      );
    },
    async ring(bytes, rounds) {
      run += 2;
      const seconds = await Promise.all(children.map((child) => ask(child, { do: "ring", run, bytes, rounds })));
      return Math.max(...(seconds as number[]));
    },
    probe: (wanted) =>
      Promise.all(children.slice(0, wanted).map((child) => ask(child, { do: "probe" }) as Promise<Probe>)),
    memory: () => Promise.all(children.map((child) => ask(child, { do: "memory" }) as Promise<MemoryReport>)),
    close,
  };
}

function ask(child: ChildProcess, order: Order): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`bench: a party exited with ${code}`));
    child.once("exit", onExit);
    child.once("message", (answer: { result?: unknown; error?: string }) => {
      child.off("exit", onExit);
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    child.send(order);
  });
}
