/*
# Training with a dealer

A small neural network learns from four rows that nobody who computes can see. Alice and Bob compute. James helps them
to multiply: he is the **dealer** of the [page on multiplication](02-beaver.md). The same task is in an older tutorial
of PySyft ("Train an Encrypted Neural Network on Encrypted Data"), with the same three names, so there are figures to
compare with.

## Three processes

The protocol is called `additive-2`: two parties with one share each, x = x_alice + x_bob, and behind them a dealer.
`startCluster` starts each of the three as a process of its own; they talk over TLS. The party that is named last is
the dealer.
*/
import { connect, nn, optim, type Tensor } from "secretgrad";
import { chart } from "./support/chart.js";
import { startCluster } from "./support/cluster.js";

const cluster = await startCluster("trainer:driver", { protocol: "additive-2", parties: "alice,bob,james" });

/*
Before anything else: who must not work together?

| who | learns |
|---|---|
| Alice alone, or Bob alone | nothing |
| James alone | nothing: he knows all masks, but gets no share, and no message that is masked |
| Alice and Bob together | everything |
| James and Alice, or James and Bob | everything |

So the dealer should be somebody who has no reason to help either of the two. And all three must follow the protocol:
here nobody notices a wrong word.

This program is the **trainer**. It owns the rows, shares them, and says what to compute. (That owners share data from
processes of their own, and are asked before something is revealed, was shown with the [three
hospitals](01-what-is-a-share.md#three-hospitals).)

## The task

The network gets two numbers. It should learn to give the first one.
*/
const rows = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const targets = [[0], [0], [1], [1]];

/*
Two layers, with a ReLU between them: max(x, 0). Layers begin with random weights. To be able to compare, we begin
with these:
*/
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

/*
A step of the training: the loss is the sum of the squared errors, and `minimize` changes the weights a little, so that
it becomes smaller. Rows, targets, weights, errors and gradients are shared between Alice and Bob all the time. (The
first weights are shared by the trainer, too. They are no secret here, but what becomes of them is.)
*/
function step({ model, sgd }: ReturnType<typeof learner>, x: Tensor, target: Tensor): Tensor {
  const loss = nn.mseLoss(model(x), target, { reduction: "sum" });
  sgd.minimize(loss);
  return loss;
}

/*
Twenty steps. The only number that anybody sees is the loss of each step, and only the trainer sees it.
*/
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

/*
## The same in the clear

Is that right? Here is the same training in ordinary floating point, without any library. It also notes how close the
numbers that go into a ReLU come to 0. We will need that later.
*/
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

/*
Where does the rest come from? For the most part from the learning rate. secretgrad keeps 10 binary digits of it: not
0.1, but 819 / 8192 = 0.09998. With that rate in the clear, too:
*/
const left = Math.max(...differences(losses, inTheClear(819 / 8192).losses));
console.log(`They differ by at most ${left.toFixed(6)}  (random)`);
console.log(`Is that less than 0.0001? ${left < 0.0001}`);

/*
## How many digits?

Numbers on shares have a fixed number of digits after the point. secretgrad counts binary digits, the **fraction
bits**; the training above had 20. Other systems count decimal digits. To be at least as fine as 2, 3 or 4 decimal
digits, one needs 7, 10 or 14 bits:
*/
for (const [decimal, bits] of [
  ["0.01", 7],
  ["0.001", 10],
  ["0.0001", 14],
] as const)
  console.log(`${bits} bits: steps of ${(2 ** -bits).toFixed(6)}, where decimal numbers have ${decimal}`);

/*
After a multiplication there are twice as many digits, and half of them must go. There are two ways to do that:

- **Cut them off.** The result is too close to 0, and such errors add up. The same training in decimal numbers that
  are cut off differs from floating point by at most 0.047 with 2 digits, 0.004 with 3, and 0.0005 with 4. It gives the
  same numbers each time.
- **Round at random.** 2.3 becomes 2 in seven of ten cases, and 3 in the other three. That is right on average, so
  errors tend to cancel out. secretgrad does this, and so each run is a little different.

One run would not say much, then. Let us train 30 networks side by side, which takes no more rounds of messages than
one, and look at how far they are from floating point at each step:
*/
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

/*
Fewer digits drift more, more digits drift less. A typical run is nearer to floating point than cut-off decimal numbers.
But with 10 bits, one run in four is further away than 0.004. Why? In the clear we noted how close the inputs of the
ReLUs come to 0:
*/
for (const [i, nearest] of clear.nearest.entries())
  if (i > 0 && nearest < 2 ** -10) console.log(`Step ${i}: ${nearest.toFixed(4)}, which is less than 2^-10`);

/*
There, a rounding error can push a number to the other side of 0. Then a ReLU blocks what it should let pass, or the
other way round, and from there on the training takes another path. (In the picture, the curve of 10 bits rises after
these steps.) Any rounding can do that, on shares or not. Cut-off decimal numbers are lucky or unlucky at such a place,
but always in the same way.

So with random rounding the question is *how often* a bound holds. In thousands of runs (made once, with the protocol
`plain`, which rounds alike), the share of runs that were further away than decimal numbers was: 1 % with 7 bits,
27 % with 10 bits, none of 3,600 with 14 bits. These bounds hold in every run here, and a test runs this page:
*/
console.log(`7 bits: all within 0.15? ${worst(coarse) <= 0.15}`);
console.log(`10 bits: all within 0.02? ${worst(medium) <= 0.02}`);
console.log(`14 bits: all within 0.002? ${worst(fine) <= 0.002}`);

/*
And to be as near as the decimal numbers in *every* run, take a few bits more: 9, 14 and 16.
*/
console.log(`9 bits: all within 0.047? ${worst(await study(9)) <= 0.047}`);
console.log(`14 bits: all within 0.004? ${worst(fine) <= 0.004}`);
console.log(`16 bits: all within 0.0005? ${worst(await study(16)) <= 0.0005}`);
await cluster.stop();

/*
If you do not choose (`fraction` of a session), secretgrad takes 20 bits. There is room for them in a word of 64 bits.
They take no more rounds; only the dealer sends more.

## Who learnt what

- **The trainer** learnt the losses. It had the rows from the start, so they told it nothing new about those. If the
  rows were somebody else's, the losses would say something about them, and their owner would have to agree.
- **Alice and Bob** learnt what the network looks like, how many rows there are, and what was computed when: all
  parties can read the plan. Each of them had one share of every number, and saw numbers only under James's masks.
- **James** read the same plan, and made masks for it. He got no share, and nothing from Alice and Bob but their
  agreement on what to do next.
- **Nobody** has the trained network. Its weights are still shared between Alice and Bob. So it can predict, for rows
  that neither of them can see either.

[Decision 12](../decisions/0012-dealer.md) describes the protocol. To do without a dealer, write `rep3` for `additive-2`
above: the program needs no other change. Then all three compute, and any two of them together could see everything.
*/
