/** Layers, their gradients and their running statistics against what PyTorch computes in double precision. */
import { after, test } from "node:test";
import { nn, type ProtocolChoice, type Session } from "../../src/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import { quiet } from "../client/helpers.js";
import { evaluate, type LayerCase, leaf, near, recorded } from "./recorded.js";

const protocols: readonly ProtocolChoice[] = ["plain", "rep3", "additive-2"];
const sessions = new Map<ProtocolChoice, Session>();
for (const protocol of protocols) sessions.set(protocol, await quiet({ protocol, insecure: true }));
after(async () => {
  for (const session of sessions.values()) await session.close();
});

type Layer = nn.Module<readonly never[], unknown>;
const make = ({ layer, options }: LayerCase) =>
  (nn[layer as "linear"] as unknown as (...args: readonly unknown[]) => Layer)(...options.args);

/** How a recorded case is called: [h, c] is one argument here, and all results are a list. */
function call(layer: Layer, { layer: name, options }: LayerCase, inputs: readonly Tensor[]): Tensor[] {
  const apply = layer as unknown as (...args: readonly unknown[]) => unknown;
  const flat = (value: unknown): Tensor[] => (Array.isArray(value) ? value.flatMap(flat) : [value as Tensor]);
  if (name === "lstmCell") return flat(apply(inputs[0], [inputs[1], inputs[2]]));
  if (name === "multiheadAttention") {
    const [query, key = query, value = query] = inputs;
    return flat(apply(query, key, value, { isCausal: options.causal === true })).slice(0, 1);
  }
  return flat(apply(...inputs));
}

let models = 0;
for (const protocol of protocols)
  test(`values, gradients and statistics of all layers: ${protocol}`, async (context) => {
    const session = sessions.get(protocol)!;
    let worst = 0;
    for (const item of recorded.layers) {
      if (item.layer === "embedding") continue;
      const what = `${item.layer} ${JSON.stringify(item.options)} ${item.train ? "training" : "evaluating"}`;
      const layer = nn.named(`layer${models++}`, make(item)).loadStateDict(item.state as never);
      layer.train(item.train);
      const leaves = item.inputs.map(leaf);
      const compare = (got: Float64Array, wanted: LayerCase["outputs"][number], name: string) => {
        worst = Math.max(worst, near(got, wanted, 1e-3, `${what}: ${name}`));
      };
      for (let step = 1; step < item.steps; step++) {
        call(
          layer,
          item,
          leaves.map((each) => each.in(session.graph)),
        );
        await session.flush();
      }
      const outputs = call(
        layer,
        item,
        leaves.map((each) => each.in(session.graph)),
      );
      const keys = Object.keys(item.gradients);
      const variables = [...leaves, ...keys.map((key) => layer.named.get(key)!)];
      const result = await evaluate(session, outputs, variables);
      item.outputs.forEach((wanted, i) => {
        compare(result.outputs[i]!, wanted, `output ${i}`);
      });
      item.inputGradients.forEach((wanted, i) => {
        if (wanted !== null) compare(result.gradients[i]!, wanted, `gradient of input ${i}`);
      });
      keys.forEach((key, i) => {
        compare(result.gradients[leaves.length + i]!, item.gradients[key]!, `gradient of ${key}`);
      });
      const buffers = Object.keys(item.after);
      const after = await session.reveal(buffers.map((key) => layer.named.get(key)!));
      buffers.forEach((key, i) => {
        compare(after[i]!.data, item.after[key]!, key);
      });
    }
    context.diagnostic(`largest difference ${worst.toExponential(1)}`);
  });
