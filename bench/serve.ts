/**
 * A served model under load: clients that ask again as soon as they are answered, every answer checked against plaintext. Parties are
 * processes of their own over TLS, made with the `secretgrad` command; all clients are in this process.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCluster } from "../cli/init.js";
import { freePorts } from "../cli/ports.js";
import { type Child, startChild } from "../cli/processes.js";
import { connect, connectModel } from "../src/client/index.js";
import { UnavailableError } from "../src/errors.js";
import * as nn from "../src/nn/index.js";
import { protocolNamed } from "../src/protocol/index.js";
import type { ServedModel } from "../src/serving/asking.js";
import * as reference from "./reference.js";

export interface ServeOptions {
  readonly protocol: string;
  readonly clients: number;
  readonly seconds: number;
  /** Kills a party with SIGKILL in the middle, and starts it again. */
  readonly kill: boolean;
  readonly onEvent?: (text: string) => void;
}
export interface ServeRow {
  readonly case: string;
  readonly clients: number;
  readonly seconds: number;
  readonly answers: number;
  /** Answers that are not those of the plaintext model: must be 0. */
  readonly wrong: number;
  readonly largestError: number;
  /** Refusals after which asking again can help, and all others. */
  readonly retryable: number;
  readonly failures: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** The longest time without any answer, in milliseconds. */
  readonly longestGap: number;
  /** Processor milliseconds for an answer: of each party, and of the clients' process with its checks. */
  readonly partyCpu: readonly number[];
  readonly clientCpu: number;
  /** Mean queries of a batch. */
  readonly batch: number;
  /** Resident MiB of each party, after a second and then five times more, evenly. */
  readonly resident: readonly (readonly number[])[];
}

const widths = [784, 128, 128, 10];
const POOL = 256;
const TOLERANCE = 0.01;

export async function serveLoad(options: ServeOptions): Promise<ServeRow> {
  const { protocol, clients, seconds, kill, onEvent = () => {} } = options;
  const directory = await mkdtemp(join(tmpdir(), "secretgrad-bench-"));
  const definition = protocolNamed(protocol);
  const names = Array.from({ length: definition.parties }, (_, i) => `p${i}`);
  const ports = await freePorts(2 * names.length);
  const made = await createCluster(directory, {
    protocol,
    parties: names.map((name, i) => ({
      ...{ name, host: "127.0.0.1", port: ports[i]! },
      ...(i === definition.dealer ? {} : { serve: ports[names.length + i]! }),
    })),
    users: [{ name: "driver", role: "driver" }],
    timeoutMs: 10_000,
  });
  const children: Child[] = [];
  const start = (i: number) => {
    const as = i === definition.dealer ? "dealer" : "party";
    children[i] = startChild({ name: names[i]!, args: [as, names[i]!, "--cluster", made.clusterFile, "--json"] });
  };
  try {
    for (const i of names.keys()) start(i);
    const session = await connect(made.clusterFile, { as: "driver", fraction: 16, connectTimeoutMs: 30_000 });
    const { model, state } = mlp();
    const { invitations } = await session.deploy("mlp128", model, {
      ...{ input: [784], policy: { reveal: "scores", clients: [{ name: "load" }] } },
    });
    onEvent(`deployed; ${clients} clients connect`);
    const inputs = Array.from({ length: POOL }, (_, i) =>
      Float64Array.from({ length: 784 }, (_, j) => noise(i * 784 + j)),
    );
    const expected = inputs.map((x) => reference.forward({ ...state, x: { shape: [1, 784], data: x } }, widths, 1));
    const invitation = invitations.get("load")!;
    const dial = () => connectModel(invitation);
    const remotes: ServedModel[] = [];
    // A few at a time: a handshake takes milliseconds of processor at both ends.
    while (remotes.length < clients)
      remotes.push(...(await Promise.all(Array.from({ length: Math.min(8, clients - remotes.length) }, dial))));

    // Plans of all sizes run once before the clock starts.
    await Promise.all(remotes.map((remote, i) => remote.predict(inputs[i % POOL]!)));
    const serving = made.cluster.parties.flatMap(({ serve }) => serve ?? []);
    const residents = () => Promise.all(serving.map((port) => metric(port, "process_resident_memory_bytes")));
    const sums = async () =>
      Promise.all(
        ["sum", "count"].map((part) => metric(serving[0]!, `secretgrad_batch_queries_${part}{model="mlp128"}`)),
      );

    const latencies: number[] = [];
    let [wrong, largestError, retryable, failures, longestGap] = [0, 0, 0, 0, 0];
    let next = 0;
    const cpus = () => Promise.all(serving.map((port) => metric(port, "process_cpu_seconds_total")));
    const [sum0, count0] = await sums();
    const cpu0 = await cpus();
    const own0 = process.cpuUsage();
    const began = performance.now();
    const end = began + 1000 * seconds;
    let lastAnswer = began;
    const loop = async (remote: (typeof remotes)[number]): Promise<void> => {
      while (performance.now() < end) {
        const at = next++ % POOL;
        const asked = performance.now();
        try {
          const { scores } = await remote.predict(inputs[at]!);
          const now = performance.now();
          latencies.push(now - asked);
          longestGap = Math.max(longestGap, now - lastAnswer);
          lastAnswer = now;
          const error = Math.max(...scores!.map((score, i) => Math.abs(score - expected[at]![i]!)));
          largestError = Math.max(largestError, error);
          if (!(error < TOLERANCE)) wrong++;
        } catch (error) {
          if (error instanceof UnavailableError) {
            retryable++;
            await new Promise((resolve) => setTimeout(resolve, Math.max(50, error.retryAfterMs)));
          } else {
            failures++;
            onEvent(String(error));
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
        }
      }
    };
    const loops = Promise.all(remotes.map(loop));
    const restart = async () => {
      await pause(seconds * 400);
      children[1]!.process.kill("SIGKILL");
      await children[1]!.exited;
      onEvent("p1 was killed");
      await pause(500);
      start(1);
    };
    const restarted = kill ? restart() : undefined;
    const resident: number[][] = [];
    for (let sample = 0; sample <= 5; sample++) {
      await pause(Math.max(0, began + 1000 + (sample / 5) * (1000 * seconds - 1500) - performance.now()));
      resident.push((await residents()).map((bytes) => bytes / 2 ** 20));
    }
    await loops;
    await restarted;
    const took = (performance.now() - began) / 1000;
    const [sum1, count1] = await sums();
    const cpu1 = await cpus();
    const own1 = process.cpuUsage(own0);
    await Promise.all(remotes.map((remote) => remote.close()));
    await session.close();
    latencies.sort((a, b) => a - b);
    const at = (share: number) =>
      latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? Number.NaN;
    return {
      ...{ case: `serve mlp128 ${protocol}`, clients, seconds: took, answers: latencies.length, wrong, largestError },
      ...{
        retryable,
        failures,
        perSecond: latencies.length / took,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        longestGap,
      },
      partyCpu: cpu1.map((seconds, i) => (1000 * (seconds - cpu0[i]!)) / latencies.length),
      clientCpu: (own1.user + own1.system) / 1000 / latencies.length,
      batch: (sum1! - sum0!) / (count1! - count0!),
      resident,
    };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    await rm(directory, { recursive: true, force: true });
  }
}

export function serveText(row: ServeRow): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const mib = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join("/");
  return [
    `${row.case}, ${row.clients} clients for ${row.seconds.toFixed(1)} s: ${row.answers} answers, ${row.perSecond.toFixed(0)} a second, ${row.batch.toFixed(1)} a batch`,
    `  p50 ${ms(row.p50)}, p95 ${ms(row.p95)}, p99 ${ms(row.p99)}; longest time without an answer ${ms(row.longestGap)}`,
    `  processor for an answer: ${row.partyCpu.map((each) => each.toFixed(2)).join("/")} ms at the parties, ${row.clientCpu.toFixed(2)} ms at the clients`,
    `  ${row.wrong} wrong, largest error ${row.largestError.toExponential(1)}; ${row.retryable} retryable refusals, ${row.failures} other failures`,
    `  resident MiB of the parties over time: ${row.resident.map(mib).join(", ")}`,
  ].join("\n");
}

/** Deterministic noise in [-1, 1). */
function noise(i: number): number {
  let state = Math.imul(i + 1, 2654435761) >>> 0;
  state ^= state >>> 15;
  state = Math.imul(state, 2246822519) >>> 0;
  state ^= state >>> 13;
  return (state >>> 0) / 2 ** 31 - 1;
}

function mlp() {
  const state: Record<string, { shape: number[]; data: Float64Array }> = {};
  const dict: Record<string, Float64Array> = {};
  widths.slice(1).forEach((outputs, i) => {
    const inputs = widths[i]!;
    const limit = 1 / Math.sqrt(inputs);
    const data = (count: number, seed: number) =>
      Float64Array.from({ length: count }, (_, j) => limit * noise(seed + j));
    const weight = data(outputs * inputs, 1e6 * (i + 1));
    const bias = data(outputs, 1e7 * (i + 1));
    state[`w${i}`] = { shape: [outputs, inputs], data: weight };
    state[`b${i}`] = { shape: [outputs], data: bias };
    dict[`${2 * i}.weight`] = weight;
    dict[`${2 * i}.bias`] = bias;
  });
  const model = nn
    .sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 128), nn.relu(), nn.linear(128, 10))
    .loadStateDict(dict);
  return { model, state };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One number of a party's /metrics. NaN if it is not there. */
function metric(port: number, name: string): Promise<number> {
  return new Promise((resolve) => {
    const fail = () => resolve(Number.NaN);
    // What this machine's own party says about itself; nothing secret goes there.
    get({ host: "127.0.0.1", port, path: "/metrics", rejectUnauthorized: false }, (response) => {
      let text = "";
      response.on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => {
        const line = text.split("\n").find((each) => each.startsWith(`${name} `));
        resolve(Number(line?.slice(name.length + 1) ?? Number.NaN));
      });
      response.on("error", fail);
    }).on("error", fail);
  });
}
