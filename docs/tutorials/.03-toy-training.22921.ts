console.log("\u00010");













import { connect, nn, optim, type Tensor } from "secretgrad";
import { chart } from "./support/chart.js";
import { startCluster } from "./support/cluster.js";

const cluster = await startCluster("trainer:driver", { protocol: "additive-2", parties: "alice,bob,james" });

console.log("\u00011");




















const rows = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const targets = [[0], [0], [1], [1]];

console.log("\u00012");



const start = {
  "fc1.weight": [
    [0.0738, -0.2109],
    [-0.1579, 0.3174],
  ],
  "fc1.bias": [0, 0.1],
  "fc2.weight": [[-0.5368, 0.705]],
  "fc2.bias": [-0.0343],
};

function learner(name: string) {
  const layers = { fc1: nn.linear(2, 2), fc2: nn.linear(2, 1) };
  const model = nn.named(
    name,
    nn.module(layers, (x, { fc1, fc2 }) => fc2(fc1(x).relu())),
  );
  model.loadStateDict(start);
  return { model, sgd: optim.sgd(model.parameters(), { lr: 0.1 }) };
}

console.log("\u00013");




function step({ model, sgd }: ReturnType<typeof learner>, x: Tensor, target: Tensor): Tensor {
  const loss = nn.mseLoss(model(x), target, { reduction: "sum" });
  sgd.minimize(loss);
  return loss;
}

console.log("\u00014");


const STEPS = 20;
const show = (list: readonly number[]): string => list.map((value) => value.toFixed(4)).join(" ");

const session = await connect(cluster.file, { as: "trainer" });
const only = learner("only");
const losses: number[] = [];
for (let i = 0; i < STEPS; i++) {
  const loss = step(only, session.secret(rows), session.secret(targets));
  losses.push((await loss.reveal()).item());
}
await session.close();
console.log(`On shares: ${show(losses)}  (random)`);

console.log("\u00015");





function inTheClear(rate: number) {
  const w1 = start["fc1.weight"].map((row) => [...row]);
  const b1 = [...start["fc1.bias"]];
  const w2 = [...start["fc2.weight"][0]!];
  let b2 = start["fc2.bias"][0]!;
  const [losses, nearest]: number[][] = [[], []];
  for (let i = 0; i < STEPS; i++) {
    const inputs = rows.map((x) => w1.map((w, j) => w[0]! * x[0]! + w[1]! * x[1]! + b1[j]!));
    const hidden = inputs.map((row) => row.map((each) => Math.max(each, 0)));
    const errors = hidden.map((h, row) => h[0]! * w2[0]! + h[1]! * w2[1]! + b2 - targets[row]![0]!);
    losses!.push(errors.reduce((sum, error) => sum + error ** 2, 0));
    nearest!.push(Math.min(...inputs.flat().map(Math.abs)));
    const before = [...w2];
    for (const [row, error] of errors.entries()) {
      b2 -= rate * 2 * error;
      for (const j of [0, 1]) {
        w2[j]! -= rate * 2 * error * hidden[row]![j]!;
        if (inputs[row]![j]! <= 0) continue;
        const change = rate * 2 * error * before[j]!;
        b1[j]! -= change;
        for (const k of [0, 1]) w1[j]![k]! -= change * rows[row]![k]!;
      }
    }
  }
  return { losses: losses!, nearest: nearest! };
}
const clear = inTheClear(0.1);
console.log(`In the clear: ${show(clear.losses)}`);

const differences = (shown: readonly number[], expected = clear.losses): number[] =>
  shown.map((loss, i) => Math.abs(loss - expected[i]!));
const difference = Math.max(...differences(losses));
console.log(`They differ by at most ${difference.toFixed(6)}  (random)`);
console.log(`Is that less than 0.0005? ${difference < 0.0005}`);

console.log("\u00016");



const left = Math.max(...differences(losses, inTheClear(819 / 8192).losses));
console.log(`They differ by at most ${left.toFixed(6)}  (random)`);
console.log(`Is that less than 0.0001? ${left < 0.0001}`);

console.log("\u00017");






for (const [decimal, bits] of [
  ["0.01", 7],
  ["0.001", 10],
  ["0.0001", 14],
] as const)
  console.log(`${bits} bits: steps of ${(2 ** -bits).toFixed(6)}, where decimal numbers have ${decimal}`);

console.log("\u00018");











const COPIES = 30;
async function study(fraction: number): Promise<number[][]> {
  const session = await connect(cluster.file, { as: "trainer", fraction });
  const learners = Array.from({ length: COPIES }, (_, copy) => learner(`bits${fraction}.${copy}`));
  const losses: number[][] = learners.map(() => []);
  for (let i = 0; i < STEPS; i++) {
    const [x, target] = [session.secret(rows), session.secret(targets)];
    const revealed = await Promise.all(learners.map((each) => step(each, x, target).reveal()));
    for (const [copy, loss] of revealed.entries()) losses[copy]!.push(loss.item());
  }
  await session.close();
  return losses.map((list) => differences(list));
}
const worst = (runs: readonly number[][]): number => Math.max(...runs.flat());

const [coarse, medium, fine] = [await study(7), await study(10), await study(14)];
for (const [bits, runs, decimal] of [
  [7, coarse, 0.047],
  [10, medium, 0.004],
  [14, fine, 0.0005],
] as const) {
  const largest = runs.map((run) => Math.max(...run)).sort((x, y) => x - y);
  const within = largest.filter((each) => each <= decimal).length;
  console.log(`${bits} bits: a typical run differs by ${largest[COPIES / 2]!.toFixed(4)}  (random)`);
  console.log(`  the worst by ${worst(runs).toFixed(4)}; ${within} of ${COPIES} runs within ${decimal}  (random)`);
}
console.log(`Do fewer digits drift more? ${worst(coarse) > worst(medium) && worst(medium) > worst(fine)}`);

const atEachStep = (runs: readonly number[][]): number[] =>
  clear.losses.map((_, i) => Math.max(...runs.map((run) => run[i]!)));
chart("03-digits.svg", {
  alt: "Distance from floating point, step by step, for 7, 10 and 14 fraction bits: fewer bits drift more",
  x: "step",
  y: "distance of the loss from floating point, worst of 30 runs",
  log: [0.0001, 0.1],
  lines: [
    { name: "7 bits", values: atEachStep(coarse) },
    { name: "10 bits", values: atEachStep(medium) },
    { name: "14 bits", values: atEachStep(fine) },
  ],
  random: true,
});

console.log("\u00019");




for (const [i, nearest] of clear.nearest.entries())
  if (i > 0 && nearest < 2 ** -10) console.log(`Step ${i}: ${nearest.toFixed(4)}, which is less than 2^-10`);

console.log("\u000110");









console.log(`7 bits: all within 0.15? ${worst(coarse) <= 0.15}`);
console.log(`10 bits: all within 0.02? ${worst(medium) <= 0.02}`);
console.log(`14 bits: all within 0.002? ${worst(fine) <= 0.002}`);

console.log("\u000111");


console.log(`9 bits: all within 0.047? ${worst(await study(9)) <= 0.047}`);
console.log(`14 bits: all within 0.004? ${worst(fine) <= 0.004}`);
console.log(`16 bits: all within 0.0005? ${worst(await study(16)) <= 0.0005}`);
await cluster.stop();

console.log("\u000112");

















