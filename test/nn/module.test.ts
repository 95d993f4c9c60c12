/** Modules: names of parameters and buffers, modes, lists and dictionaries, forwards of several tensors, states. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NameError, nn, optim, ShapeError, type Tensor } from "../../src/index.js";
import { quiet } from "../client/helpers.js";

test("parameters and buffers have PyTorch's paths, through lists and dictionaries", () => {
  const net = nn.module(
    {
      layers: nn.moduleList([nn.linear(2, 3), nn.batchNorm1d(3)]),
      heads: nn.moduleDict({ left: nn.linear(3, 1, { bias: false }) }),
      scale: new nn.Parameter([3], () => new Float64Array(3)),
    },
    (x, { layers, heads, scale }) =>
      heads.get("left")!(layers.reduce((value, layer) => layer(value), x).mul(scale)).flatten(),
  );
  assert.deepEqual(
    [...net.named.keys()],
    [
      ...["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"],
      ...["layers.1.running_mean", "layers.1.running_var", "heads.left.weight", "scale"],
    ],
  );
  assert.equal(net.parameters().length, 6);
  assert.deepEqual(
    net.buffers().map(({ name }) => name),
    ["model/layers.1.running_mean", "model/layers.1.running_var"],
  );
  assert.match(String(net), /^Module\(model\/layers\.0\.weight \[3,2\], /);
});

test("modes reach all parts", () => {
  const drop = nn.dropout();
  const net = nn.module({ list: nn.moduleList([nn.sequential(drop)]), by: nn.moduleDict({ drop }) }, (x) => x);
  assert.ok(net.training && drop.training);
  assert.equal(net.eval(), net);
  assert.ok(!net.training && !drop.training);
  assert.ok(net.train().training && drop.training);
});

test("a forward of several tensors; a parameter in two places is one", async () => {
  const session = await quiet({ protocol: "plain" });
  const shared = nn.linear(2, 2);
  const net = nn.module(
    { left: shared, right: shared },
    (x: Tensor, y: Tensor, { left, right }: Record<"left" | "right", nn.Module>) => left(x).sub(right(y)),
  );
  assert.equal(net.parameters().length, 2);
  const [x, y] = [session.secret([[1, 2]]), session.secret([[1, 2]])];
  assert.deepEqual((await net(x, y).reveal()).toArray(), [[0, 0]]);
  optim.sgd(net.parameters(), { lr: 1 });
  await session.close();
});

test("states load strictly, but for PyTorch's counters of batches", () => {
  const net = nn.sequential(nn.batchNorm1d(1));
  const state = { "0.weight": [1], "0.bias": [2], "0.running_mean": [3], "0.running_var": [4] };
  assert.equal(net.loadStateDict({ ...state, "0.num_batches_tracked": 7 }), net);
  assert.throws(() => net.loadStateDict({ ...state, other: [1] }), NameError);
  assert.throws(() => net.loadStateDict({ "0.weight": [1] }), /missing \[0.bias,0.running_mean,0.running_var\]/);
  assert.throws(() => net.loadStateDict({ ...state, "0.bias": [1, 2] }), ShapeError);
  assert.deepEqual([...net.named.get("0.running_var")!.start()], [4]);
});

test("a parameter is revealed by its session, and without one the error says how", async () => {
  const session = await quiet({ protocol: "plain" });
  const model = nn.linear(1, 1).loadStateDict({ weight: [[2]], bias: [1] });
  const [weight] = model.parameters();
  assert.deepEqual((await weight!.reveal(session)).toArray(), [[2]]);
  const noSession = undefined as never;
  for (const reveal of [() => weight!.reveal(noSession), () => model.stateDict(noSession)])
    await assert.rejects(reveal, /InputError: reveal: .*try parameter.reveal\(session\) or model.stateDict\(session\)/);
  await session.close();
});
