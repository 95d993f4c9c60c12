/** A cluster of daemons over TLS and clients that call it; in this process or in children. Not a test. */
import { createServer } from "node:net";
import { createIdentity, dial, fingerprint, type Identity, type Json, RpcClient } from "../../src/net/index.js";
import { type Cluster, checkCluster } from "../../src/party/index.js";
import type { Plan } from "../../src/plan/index.js";
import { combine, hex, type Inputs, names, type RunResult, settle, shareInputs } from "./helpers.js";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Keys and a cluster file for three parties, a driver, an owner, and somebody whom the file does not know. */
export async function makeCluster(timeoutMs: number): Promise<{ cluster: Cluster; identities: Map<string, Identity> }> {
  const identities = new Map<string, Identity>();
  for (const name of [...names, "driver", "alice", "mallory"]) identities.set(name, await createIdentity(name));
  const pin = (name: string) => fingerprint(identities.get(name)!.certPem);
  const parties = [];
  for (const name of names) parties.push({ name, host: "127.0.0.1", port: await freePort(), pin: pin(name) });
  const users = [
    { name: "driver", role: "driver", pin: pin("driver") },
    { name: "alice", role: "owner", pin: pin("alice") },
  ];
  return { cluster: checkCluster({ protocol: "rep3", parties, users, timeoutMs }), identities };
}

export class Clients {
  readonly clients: RpcClient[] = [];
  readonly #cluster: Cluster;
  readonly #identity: Identity;

  constructor(cluster: Cluster, identity: Identity) {
    this.#cluster = cluster;
    this.#identity = identity;
  }

  async connect(some: Iterable<number> = names.keys()): Promise<this> {
    for (const index of some) {
      const { name, host, port, pin } = this.#cluster.parties[index]!;
      const expected = { name, role: "party", index, fingerprint: pin } as const;
      this.clients[index]?.close();
      this.clients[index] = new RpcClient(await dial(host, port, this.#identity, expected));
    }
    return this;
  }

  /** Resolves when all parties are in session; connects again where a party was restarted. */
  async up(): Promise<this> {
    for (;;) {
      try {
        if (this.clients.length < names.length) await this.connect();
        const states = await this.all("hello");
        if (
          states.length === names.length &&
          states.every(({ result }) => (result as { session: string }).session === "up")
        )
          return this;
      } catch {
        await this.connect().catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  all(method: string, params: Json = {}, bodies?: readonly Uint8Array[]) {
    return settle(this.clients.map((client, i) => client.call(method, params, bodies?.[i])));
  }

  async run(
    plan: Plan,
    options: { inputs?: Inputs; checkpoint?: boolean; scalars?: Record<string, number> } = {},
  ): Promise<RunResult> {
    const { inputs = {}, checkpoint = false, scalars = {} } = options;
    const puts = names.map(() => plan.bytes);
    await this.all("plan.put", {}, puts);
    const params = { request: hex(), digest: plan.digest, scalars, checkpoint };
    return combine(await this.all("run", params, shareInputs(plan, inputs)));
  }

  close(): void {
    for (const client of this.clients) client?.close();
  }
}
