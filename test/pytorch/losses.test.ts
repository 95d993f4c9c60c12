/** Losses and their gradients against what PyTorch computes in double precision, in all reductions. */
import { after, test } from "node:test";
import { nn, type ProtocolChoice, type Session } from "../../src/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { evaluate, type LossCase, leaf, near, recorded } from "./recorded.js";

const protocols: readonly ProtocolChoice[] = ["plain", "rep3", "additive-2"];
const sessions = new Map<ProtocolChoice, Session>();
for (const protocol of protocols) sessions.set(protocol, await quiet({ protocol, insecure: true }));
after(async () => {
  for (const session of sessions.values()) await session.close();
});

const record = (loss: string) =>
  nn[loss as "mseLoss"] as (prediction: Tensor, target: unknown, options: unknown) => Tensor;

/** In fewer protocols, because they differ from others in a public factor only. */
const isPlainOnly = ({ options }: LossCase, index: number) => options.reduction === "batchMean" || index % 4 !== 0;
/** Absolute and relative; a logarithm near 0 and quotients of probabilities near 0 are worth less. */
const tolerances: Readonly<Record<string, number>> = { binaryCrossEntropy: 1e-3 };

for (const protocol of protocols)
  test(`values and gradients of all losses: ${protocol}`, async (context) => {
    const session = sessions.get(protocol)!;
    let worst = 0;
    for (const [index, item] of recorded.losses.entries()) {
      if (protocol !== "plain" && isPlainOnly(item, index)) continue;
      const what = `${item.loss} ${JSON.stringify(item.options)}`;
      const prediction = leaf(item.prediction);
      // Classes as public numbers, too.
      const target = item.loss === "crossEntropy" && index % 2 === 0 ? item.target : session.secret(item.target as []);
      const value = record(item.loss)(prediction.in(session.graph), target, item.options);
      const { outputs, gradients } = await evaluate(session, [value], [prediction]);
      const tolerance = tolerances[item.loss] ?? 2e-4;
      worst = Math.max(worst, near(outputs[0]!, item.value, tolerance, `${what}: value`));
      worst = Math.max(worst, near(gradients[0]!, item.gradient, tolerance, `${what}: gradient`));
    }
    context.diagnostic(`largest difference ${worst.toExponential(1)}`);
  });
