/**
 * What parties tell each other at the start of a session, and what each concludes: which version of the variables counts,
 * the next run number, the coin, which uploads are whole. All conclude the same from the same statements. No I/O besides
 * this party's own stores.
 */
import { FrameError } from "../errors.js";
import type { Mesh } from "../net/index.js";
import type { Protocol } from "../protocol/index.js";
import type { MessageOf } from "./control.js";
import type { Core } from "./core.js";
import { RowOrder } from "./rows.js";
import { canonical, sha256 } from "./schemas.js";
import { resolveUpload, type UploadState } from "./storage/index.js";

type Sync = MessageOf<"sync">;

/** What a session starts from. */
export interface Start {
  /** The run whose variables count. */
  readonly base: number;
  readonly nextRun: number;
  /** The newest checkpoint that all parties keep; 0 if there is none. */
  readonly commonCheckpoint: number;
  readonly order: RowOrder;
  /** A hash of what must be equal now. */
  readonly state: string;
}

const coinHash = (coin: Uint8Array) => sha256(Buffer.concat([Buffer.from("secretgrad coin\n"), coin]));

/** What this party has. */
export function describe({ ledger, variables, datasets, deployments, grants }: Core): Sync {
  const names = [...datasets.list(), ...datasets.prepared(), ...datasets.uploads()].map(({ name }) => name);
  const states: Record<string, UploadState> = {};
  for (const name of names) {
    const state = datasets.state(name);
    if (state) states[name] = state;
  }
  return {
    type: "sync",
    nextRun: ledger.nextRun,
    versions: [...variables.versions],
    checkpoints: [...variables.checkpoints],
    coin: ledger.coin && coinHash(ledger.coin),
    datasets: states,
    deployments: deployments.states(),
    grants: grants.uses(),
  };
}

/** Brings this party to the common state. `statements`: by party, the own one included. */
export function conclude(core: Core, mesh: Mesh, protocol: Protocol, statements: readonly Sync[]): Start {
  const { variables, ledger, grants, log } = core;
  const base = newestCommon(statements.map(({ versions, checkpoints }) => [...versions, ...checkpoints]));
  const dropped = variables.current.run - base;
  if (dropped > 0)
    log.warn("variables go back to the newest run that all parties hold", { from: variables.current.run, to: base });
  if (dropped < 0) log.info("variables are those of a checkpoint", { run: base });
  variables.restore(base, protocol);
  const commonCheckpoint = newestCommon(
    statements.map(({ checkpoints }) => [0, ...checkpoints.filter((run) => run <= base)]),
  );

  const nextRun = Math.max(...statements.map((statement) => statement.nextRun));
  ledger.skipTo(nextRun);
  for (const [peer, { grants: uses }] of statements.entries()) if (peer !== core.self) grants.merge(uses);
  settleUploads(core, statements);
  const others = statements.filter((_, party) => party !== core.self);
  core.deployments.settle(
    others.map(({ deployments }) => deployments),
    log,
  );

  const coins = new Set(statements.map(({ coin }) => coin));
  if (coins.size > 1 || coins.has(undefined)) {
    if (ledger.coin) log.warn("rows get a new order: some party has lost the coin");
    ledger.setCoin(mesh.coinKey("row order"));
  }
  const coin = ledger.coin!;
  const catalogue = [...variables.catalogue].sort(([a], [b]) => (a < b ? -1 : 1));
  const state = sha256(canonical({ base, coin: coinHash(coin), catalogue }));
  return { base, nextRun, commonCheckpoint, order: new RowOrder(coin), state };
}

/** The largest number in all lists. 0 is in all: no variables at all. */
function newestCommon(lists: readonly (readonly number[])[]): number {
  const [first, ...others] = lists.map((list) => new Set([0, ...list]));
  return Math.max(...[...first!].filter((run) => others.every((other) => other.has(run))));
}

/** Uploads that a crash left between prepared and published. */
function settleUploads({ datasets, names, self, log }: Core, statements: readonly Sync[]): void {
  const peers = statements.filter((_, party) => party !== self);
  for (const { name } of datasets.prepared()) {
    const own = datasets.state(name)!;
    const fate = resolveUpload(
      own,
      peers.map((peer) => (Object.hasOwn(peer.datasets, name) ? peer.datasets[name] : undefined)),
    );
    if (fate === "publish") datasets.publish(name);
    else if (fate === "abort") datasets.abort(name);
    log.info("unfinished upload settled", { dataset: name, fate });
  }
  for (const { name } of datasets.list())
    for (const [party, { datasets: theirs }] of statements.entries())
      if (!Object.hasOwn(theirs, name) || theirs[name]!.digest !== datasets.state(name)!.digest)
        log.warn("a dataset is not the same at all parties", { dataset: name, party: names[party] });
}

/** Throws unless the peer concluded the same. */
export function checkAgreed(start: Start, message: MessageOf<"agree">, name: string): void {
  if (message.base !== start.base || message.nextRun !== start.nextRun || message.state !== start.state)
    throw new FrameError(
      `session: expected ${name} to go on from run ${start.base} with the same variables, got run ${message.base} or others; try restoring its data directory`,
    );
}
