/** What a party says about itself and about plans, as JSON. Computes nothing and decides nothing. */
import type { Mesh } from "../net/index.js";
import { kernelHash } from "../ring/index.js";
import type { Caller } from "./cluster.js";
import type { Core } from "./core.js";
import type { Outcome } from "./entry.js";
import type { KnownPlan } from "./plans.js";
import type { Deployment } from "./serving/deployment.js";

/** Plans that `plan.list` names: owners ask for them again and again. */
const PLANS_LISTED = 5000;

/** The session at this moment. */
export interface SessionView {
  readonly up: boolean;
  readonly missing: readonly string[];
  readonly unfinished: number;
  readonly mesh: Mesh | undefined;
}

export function helloView({ name, role }: Caller, core: Core, session: SessionView, version: string) {
  const { names, self, definition, timeoutMs } = core;
  return {
    version,
    kernelHash,
    protocol: definition.name,
    parties: [...names],
    self: names[self]!,
    index: self,
    ...sessionView(session),
    caller: { name, role },
    timeoutMs,
  };
}

export function statusView(core: Core, session: SessionView, uptimeMs: number) {
  const { ring, plans, variables, ledger, dealt } = core;
  const stats = session.mesh?.stats();
  return {
    uptimeMs,
    ...sessionView(session),
    version: variables.current.run,
    checkpoints: [...variables.checkpoints],
    runs: { next: ledger.nextRun, unfinished: session.unfinished },
    dealt: dealt.list(),
    traffic: stats ? { ...stats, peers: stats.peers.map((peer) => ({ ...peer })) } : null,
    memory: {
      rssBytes: process.memoryUsage.rss(),
      ringBytes: ring.memoryBytes,
      ringUsedBytes: ring.usedBytes,
      planBytes: plans.bytes,
    },
  };
}

function sessionView({ up, missing }: SessionView) {
  return { session: up ? "up" : "down", missingPeers: up ? [] : [...missing] };
}

/** The plans used last, without what `plan.get` tells. */
export function planListView(plans: readonly KnownPlan[]) {
  return plans.slice(-PLANS_LISTED).map(({ digest, reveals, plan }) => ({
    digest,
    reveals: reveals.length,
    nodes: plan.nodes.length,
  }));
}

/** Served models, without the hashes of tokens. */
export function modelListView(deployments: readonly Deployment[]) {
  return deployments.map(({ version, owner, description, used }) => {
    const { name, input, output, classes, batches, policy } = description;
    const clients = policy.clients.map(({ hashes: _, ...client }) => ({ ...client, asked: used.of(client.name) }));
    return {
      ...{ name, version, owner, input, output: { kind: policy.reveal, ...output }, asked: used.total },
      ...(classes ? { classes } : {}),
      ...(policy.queries === undefined ? {} : { queries: policy.queries }),
      ...{ batches, clients },
    };
  });
}

/** The answer to a run: the caller's parts of the reveals, one after the other in the body. */
export function runView({ run, parts, stats, operators }: Outcome) {
  const { rounds, bytes, seconds } = stats;
  return {
    result: {
      run,
      reveals: parts.map(({ label, bytes: part }) => ({ label, bytes: part.length })),
      stats: { rounds, bytes, seconds, ...(operators ? { operators } : {}) },
    },
    body: join(parts.map((part) => part.bytes)),
  };
}

/** A plain Uint8Array, not a Buffer, whose `slice` would be a view. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
