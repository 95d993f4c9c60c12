/**
 * Train, save, resume, and take a model home. What is trained stays shared among the parties: save() makes it durable there, and
 * another program, a day later perhaps, goes on with resume(). The weights themselves leave only as a reveal of their own, which
 * every owner whose data trained them has to grant; stateDict() then gives what loadStateDict() takes, here or in PyTorch.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, data, nn, optim, type Session } from "secretgrad";
import { startCluster } from "./support/cluster.js";

const cluster = await startCluster();
try {
  // y = 2 a - 3 b + 1
  const points = Array.from({ length: 64 }, (_, i) => [Math.sin(i), Math.cos(3 * i)] as const);
  await writeFile(join(cluster.directory, "x.csv"), points.map(([a, b]) => `${a},${b}\n`).join(""));
  await writeFile(join(cluster.directory, "y.csv"), points.map(([a, b]) => `${2 * a - 3 * b + 1}\n`).join(""));
  await cluster.run("share", "x.csv", "--as", "alice/x");
  await cluster.run("share", "y.csv", "--as", "bob/y");
  // Without "open" they would agree to losses, but not to the weights.
  const agreed = ["--release", "meanLoss,open", "--to", "driver", "--times", "1000"];
  for (const owner of ["alice", "bob"])
    await cluster.background(/Watching/, "grant", "--watch", ...agreed, "--user", owner);

  // What every program says about the model: variables are known to the parties by these names.
  const make = () => {
    const model = nn.named("regression", nn.linear(2, 1));
    return { model, sgd: optim.sgd(model.parameters(), { lr: 0.2, momentum: 0.85 }) };
  };
  const train = async (session: Session, { model, sgd }: ReturnType<typeof make>, firstEpoch: number) => {
    const rows = { x: session.dataset("alice/x"), y: session.dataset("bob/y") };
    for await (const { x, y, epoch, index, batches } of data.batches(rows, { size: 16, epochs: 10, firstEpoch })) {
      const loss = nn.mseLoss(model(x), y);
      sgd.minimize(loss);
      if (index === batches - 1 && epoch % 5 === 4)
        console.log(`epoch ${epoch + 1}: loss ${(await data.meanLoss(loss).reveal()).toFixed(4)}`);
    }
  };

  const first = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  await train(first, make(), 0);
  await first.save();
  await first.close();

  const second = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const own = make();
  // Without the optimizer's state its momentum would start at 0.
  const variables = [...own.model.parameters(), ...own.sgd.state()];
  console.log(`Resumed: ${await second.resume(variables)} of ${variables.length} variables.`);
  await train(second, own, 10);

  const file = join(cluster.directory, "model.json");
  await writeFile(file, JSON.stringify(await own.model.stateDict(second)));
  const state = JSON.parse(await readFile(file, "utf8")) as { weight: number[][]; bias: number[] };
  console.log("Weights:", ...state.weight[0]!.map((value) => value.toFixed(2)), "bias:", state.bias[0]!.toFixed(2));

  // A model with these first values; in a session of its own or, under another name, beside the trained one.
  const copy = nn.named("copy", nn.linear(2, 1)).loadStateDict(state);
  const predicted = await copy(second.secret([[1, -1]])).reveal();
  console.log("Predicted for (1, -1):", predicted.item().toFixed(2));
  await second.close();
} finally {
  await cluster.stop();
}
