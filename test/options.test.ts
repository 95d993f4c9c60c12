/** Options of names that nobody reads are refused wherever options are taken, with the name that was meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectModel as connectInBrowser } from "../src/browser/index.js";
import { ClearTwin, connect, connectModel, connectOwner, data, InputError, local, nn, optim } from "../src/index.js";
import * as models from "../src/models/index.js";
import { Parameter } from "../src/nn/parameter.js";
import { nearest } from "../src/options.js";
import { quiet } from "./client/helpers.js";

/** As a program without types has them. */
const unchecked = (options: unknown) => options as never;

test("the nearest known name is the one that was most likely meant", () => {
  const known = ["kind", "parties", "dealer", "comparison"];
  assert.equal(nearest("compare", known), "comparison");
  assert.equal(nearest("partys", known), "parties");
  assert.equal(nearest("wait", ["as", "key", "waitForGrantsMs"]), "waitForGrantsMs");
  assert.equal(nearest("Shuffle", ["size", "shuffle"]), "shuffle");
});

test("unknown options are refused at every entry point, and the nearest name is tried", async (t) => {
  const session = await quiet({ protocol: "plain" });
  await session.share("alice/x", [[1], [2]]);
  const x = session.secret([[1, 2]]);
  const image = session.secret(new Float64Array(16), [1, 1, 4, 4]);
  const parameters = [new Parameter([2], () => new Float64Array(2))];
  const optimizer = optim.sgd(parameters, { lr: 0.1 });
  const other = unchecked({ nosuch: 1 });
  const entries: Record<string, () => unknown> = {
    "local protocol": () =>
      local(unchecked({ protocol: { kind: "additive", parties: ["a", "b"], dealer: "j", compare: "fss" } })),
    "local rep3": () => local(unchecked({ protocol: { kind: "rep3", nosuch: 1 } })),
    local: () => local(other),
    "local with a name": () => local(unchecked("rep3")),
    connect: () => connect("nowhere.json", other),
    connectOwner: () => connectOwner("nowhere.json", other),
    share: () => session.share("alice/y", [[1]], other),
    "owner's share": () => session.owner("alice").share("y", { rows: 1 } as never, other),
    grant: () => session.grant("alice", "00", other),
    watch: () => session.owner("alice").watch(other),
    twin: () => new ClearTwin(other),
    "local debug": () => local(unchecked({ debug: { onstep: () => {} } })),
    deploy: () => session.deploy("digits", nn.linear(2, 1), unchecked({ input: [2], policy: "", batch: 8 })),
    connectModel: () => connectModel("nowhere.json", other),
    "connectModel in a page": () => connectInBrowser({ model: "digits", parties: [], token: "" }, other),
    importModel: () => models.importModel(new Uint8Array(1), other),
    importOnnx: () => models.importOnnx(new Uint8Array(1), other),
    "importOnnx's batchNorm": () => models.importOnnx(new Uint8Array(1), unchecked({ batchNorm: "folded" })),
    importKeras: () => models.importKeras(new Uint8Array(1), other),
    importTfjs: () => models.importTfjs("{}", {}, other),
    readStateDict: () => models.readStateDict(new Uint8Array(1), other),
    openFile: () => data.openFile("nowhere.csv", other),
    readCsv: () => data.readCsv("1,2\n", unchecked({ seperator: ";" })),
    batches: () => data.batches({ x: session.dataset("alice/x") }, unchecked({ size: 1, nosuch: 1 })).next(),
    meanLoss: () => data.meanLoss(x, other),
    reveal: () => (x.reveal as (options: unknown) => Promise<unknown>).call(x, { to: ["j"] }),
    "reveal of a release": () => (data.count(x).reveal as (options: unknown) => Promise<unknown>)({ to: ["j"] }),
    var: () => x.var(0, other),
    sgd: () => optim.sgd(parameters, unchecked({ lr: 0.1, momentun: 0.9 })),
    "sgd's group": () => optim.sgd([unchecked({ params: parameters, momentun: 0.9 })], { lr: 0.1 }),
    oneCycleLR: () => optim.oneCycleLR(optimizer, unchecked({ maxLr: 1, totalSteps: 9, nosuch: 1 })),
    kaimingUniform: () => nn.init.kaimingUniform(parameters[0]!, other),
    conv2d: () => nn.functional.conv2d(image, [[[[1]]]], undefined, other),
    maxPool2d: () => nn.functional.maxPool2d(image, 2, other),
    avgPool2d: () => nn.functional.avgPool2d(image, 2, other),
  };
  for (const name of ["adam", "adamW", "adagrad", "rmsprop"] as const)
    entries[name] = () => optim[name](parameters, unchecked({ learningRate: 1 }));
  for (const name of ["stepLR", "multiStepLR", "exponentialLR", "linearLR", "constantLR", "polynomialLR"] as const)
    entries[name] = () => optim[name](optimizer, unchecked({ stepSize: 1, milestones: [], gamma: 0.1, nosuch: 1 }));
  for (const name of ["cosineAnnealingLR", "cosineAnnealingWarmRestarts", "lambdaLR", "sequentialLR"] as const)
    entries[name] = () => optim[name](optimizer, unchecked({ nosuch: 1 }));
  for (const name of [
    ...["mseLoss", "l1Loss", "huberLoss", "smoothL1Loss", "crossEntropy", "nllLoss", "binaryCrossEntropy"],
    ...["binaryCrossEntropyWithLogits", "klDiv"],
  ] as const)
    entries[name] = () => (nn as never as Record<string, (...args: unknown[]) => unknown>)[name]!(x, [[0, 1]], other);
  const layers: Record<string, readonly unknown[]> = {
    ...{ linear: [2, 2], gelu: [], batchNorm1d: [2], batchNorm2d: [2], instanceNorm1d: [2], instanceNorm2d: [2] },
    ...{ layerNorm: [2], rmsNorm: [2], groupNorm: [1, 2], multiheadAttention: [2, 1] },
    ...{ transformerEncoderLayer: [2, 1], rnnCell: [2, 2], lstmCell: [2, 2], gruCell: [2, 2] },
    ...{ rnn: [2, 2], lstm: [2, 2], gru: [2, 2], conv1d: [1, 1, 1], conv2d: [1, 1, 1] },
    ...{ convTranspose1d: [1, 1, 1], convTranspose2d: [1, 1, 1], avgPool1d: [2], avgPool2d: [2] },
    ...{ maxPool1d: [2], maxPool2d: [2] },
  };
  for (const [name, args] of Object.entries(layers))
    entries[`layer ${name}`] = () =>
      (nn as never as Record<string, (...args: unknown[]) => unknown>)[name]!(...args, other);
  for (const [name, enter] of Object.entries(entries))
    await t.test(name, () =>
      assert.rejects(
        async () => enter(),
        (error) => error instanceof InputError && /expected (no )?(options|arguments|batchNorm)/.test(error.message),
      ),
    );
  await assert.rejects(async () => entries["local protocol"]!(), /protocol: .*got "compare"; try comparison/);
  await assert.rejects(async () => entries.sgd!(), /got "momentun"; try momentum$/);
  await session.close();
});

test("a reduction that there is not is refused, and the others are taken", async () => {
  const session = await quiet({ protocol: "plain" });
  const x = session.secret([1, 3]);
  assert.throws(
    () => nn.mseLoss(x, [0, 0], unchecked({ reduction: "avg" })),
    /got "avg"; try "sum"|got "avg"; try "mean"/,
  );
  assert.throws(() => nn.mseLoss(x, [0, 0], unchecked({ reduction: "batchmean" })), /try "batchMean"/);
  for (const reduction of ["mean", "sum", "batchMean", "none"] as const) nn.mseLoss(x, [0, 0], { reduction });
  assert.equal(nn.linear(2, 1, { bias: false }).parameters().length, 1);
  assert.equal(nn.conv2d(1, 1, 1, { bias: false, stride: 2 }).parameters().length, 1);
  await session.close();
});
