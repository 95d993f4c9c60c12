/** Groups of three parties in this process that serve one linear model behind a broker, and brokers that misbehave. Not a test. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { nn } from "../../src/index.js";
import { tooLate } from "../../src/net/broker.js";
import type { Broker } from "../../src/net/index.js";
import type { DaemonOptions } from "../../src/party/index.js";
import type { ScaledInvitation } from "../../src/scale/index.js";
import { ServingCluster } from "../serving/cluster.js";

const weight = [
  [0.5, -1, 0.25, 2],
  [1, 1, -0.5, -1],
  [-0.75, 0.125, 1, 0],
];
const bias = [0.5, -0.25, 0];
export const scoresOf = (x: readonly number[]) =>
  weight.map((row, c) => row.reduce((sum, w, i) => sum + w * x[i]!, bias[c]!));
export const input = (i: number) => [Math.sin(i), Math.cos(3 * i), (i % 7) / 3 - 1, ((i * 5) % 11) / 5 - 1];

export interface GroupOptions {
  readonly broker: (party: number) => DaemonOptions["broker"];
  readonly limits?: DaemonOptions["limits"];
  readonly log?: NonNullable<DaemonOptions["log"]>;
  readonly protocol?: string;
  /** Of the client, at this group. */
  readonly queries?: number;
}
export interface ServedGroup {
  readonly cluster: ServingCluster;
  readonly invited: ScaledInvitation["groups"][number];
  /** The token of another client. */
  readonly other: string;
}

/** Parties in session that serve the model as "linear". */
export async function servedGroup({ queries, log, ...options }: GroupOptions): Promise<ServedGroup> {
  const cluster = await ServingCluster.start({ ...options, ...(log ? { log: () => log } : {}) });
  const session = await cluster.connect();
  const model = nn.sequential(nn.linear(4, 3)).loadStateDict({ "0.weight": weight, "0.bias": bias });
  const clients = [{ name: "client", ...(queries ? { queries } : {}) }, { name: "other" }];
  const policy = { reveal: "scores" as const, clients };
  const { invitations } = await session.deploy("linear", model, { input: [4], policy, largestBatch: 4 });
  await session.close();
  const { token, parties } = invitations.get("client")!;
  const { length } = parties;
  const file = JSON.parse(readFileSync(cluster.file, "utf8")) as { parties: { pin: string }[] };
  const pins = file.parties.slice(0, length).map(({ pin }) => pin);
  return { cluster, invited: { parties: pins, token }, other: invitations.get("other")!.token };
}

type Deliver = (subject: string, message: Uint8Array) => Promise<Uint8Array>;
/** What a broker that means harm does with a request, given a way to deliver whatever it likes to whom it likes. */
export type Harm = (subject: string, message: Uint8Array, deliver: Deliver) => Promise<Uint8Array>;

/** A broker between clients and parties that sees everything, and does what `harm` says. */
export function hostile(broker: Broker): Broker & { harm: Harm | undefined; readonly seen: Uint8Array[] } {
  const seen: Uint8Array[] = [];
  return {
    harm: undefined,
    seen,
    get largest() {
      return broker.largest;
    },
    async request(subject, message, timeoutMs) {
      const deliver: Deliver = (to, bytes) => broker.request(to, bytes, timeoutMs);
      seen.push(Buffer.from(subject), message);
      const late = pause(timeoutMs, undefined, { ref: false }).then(() => Promise.reject(tooLate(subject, timeoutMs)));
      const answer = await Promise.race([this.harm?.(subject, message, deliver) ?? deliver(subject, message), late]);
      seen.push(answer);
      return answer;
    },
    answer: (subject, answerer, queue) => broker.answer(subject, answerer, queue),
    close: async () => {},
  };
}
