/** Rows of two owners on a cluster of processes, and a small model that drivers train on them. Not a test. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { data, nn, optim, PeerLostError, type Session } from "../../src/index.js";
import type { TestCluster } from "../cli/program.js";

export const rows = Array.from({ length: 64 }, (_, i) => [Math.sin(i), Math.cos(i)]);

/** Both columns become alice/x, the second one bob/y. */
export async function shareRows(cluster: TestCluster): Promise<void> {
  const table = join(cluster.directory, "table.csv");
  writeFileSync(table, `a,b\n${rows.map((row) => row.join()).join("\n")}\n`);
  for (const args of [
    ["--as", "alice/x"],
    ["--as", "bob/y", "--columns", "1"],
  ]) {
    const { code, stderr } = await cluster.run("share", table, ...args);
    assert.equal(code, 0, stderr);
  }
}

/** Both owners grant from now on what `train` reveals. */
export async function grantTraining(cluster: TestCluster, drivers = "driver"): Promise<void> {
  for (const owner of ["alice", "bob"])
    await cluster.watch(owner, "--release", "open,meanLoss", "--times", "100000", "--to", drivers);
}

export const model = (name: string): nn.Module =>
  nn.named(name, nn.sequential(nn.linear(2, 16), nn.relu(), nn.linear(16, 1)));

export const optimizer = (net: nn.Module) => optim.sgd(net.parameters(), { lr: 0.05, momentum: 0.5 });

/** Four steps an epoch. Returns the losses. */
export async function train(
  session: Session,
  net: nn.Module,
  epochs: number,
  sgd: optim.Optimizer = optimizer(net),
  each: (step: number) => void = () => {},
): Promise<number[]> {
  const sets = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
  const losses: number[] = [];
  for await (const batch of data.batches(sets, { size: 16, epochs })) {
    const loss = nn.mseLoss(net(batch.x), batch.y.reshape(-1, 1));
    sgd.minimize(loss);
    losses.push(await data.meanLoss(loss).reveal());
    each(losses.length);
  }
  return losses;
}

/** Trains and kills a member of the cluster after `step` steps: the driver is told in time, and by its name. */
export async function killInTraining(
  cluster: TestCluster,
  name: string,
  step: number,
  session: Session,
  net: nn.Module,
  sgd: optim.Optimizer,
): Promise<void> {
  let killed = 0;
  await assert.rejects(
    train(session, net, 100, sgd, (done) => {
      if (done !== step) return;
      killed = performance.now();
      cluster.party(name).process.kill("SIGKILL");
    }),
    (error: unknown) => error instanceof PeerLostError && `${error.peer} ${error.message}`.includes(name),
  );
  assert.ok(performance.now() - killed < 6000, "within the time-out");
}

/** The model's weights. */
export const state = async (net: nn.Module, session: Session): Promise<number[][]> =>
  Object.values(await net.stateDict(session)).map(({ data: values }) => [...values]);
