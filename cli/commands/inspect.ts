/** `secretgrad inspect`: what a model file holds, what a prediction would cost, and whether fixed point will do. Shares nothing. */
import { extname } from "node:path";
import { ModelFileError } from "../../src/errors.js";
import type { Calibration, ImportedModel, ModelSummary } from "../../src/models/index.js";
import { command, decimal, integer, jsonOption, list } from "../command.js";
import { CommandError, UsageError } from "../errors.js";
import { modelBytes, openTfjs } from "../model-file.js";
import { bytesText, output, secondsText, table } from "../output.js";
import { openRows, type RowArguments, rowOptions } from "../rows.js";
import { printable } from "../terminal.js";

const usual = "rep3,additive-2,additive-2-fss";

export default command({
  description: "Look into a model file: layers, cost of a prediction, range of values, what is not supported",
  details:
    "ONNX, Keras (.h5, .keras) and TensorFlow.js (model.json beside its shards); of PyTorch state dicts and safetensors the tensors.\n" +
    "Nothing is shared and nobody is asked. Costs are computed from the plan; seconds are those of communication alone.",
  args: {
    file: { type: "positional", description: "The model file", required: true },
    protocol: { type: "string", description: "Protocols to compare", default: usual, valueHint: "names" },
    link: {
      type: "string",
      description: "Link between parties: round trip and bandwidth",
      default: "10/1000",
      valueHint: "ms/mbit",
    },
    rows: { type: "string", description: "Rows that are predicted at once", default: "1" },
    fraction: { type: "string", description: "Fraction bits", default: "16" },
    calibrate: {
      type: "string",
      description: "Inputs as IDX, .npy or CSV, also gzipped: shows how large each layer's values become",
      valueHint: "file",
    },
    scale: rowOptions.scale,
    normalize: rowOptions.normalize,
    key: { type: "string", description: "Where a checkpoint has its state dict", valueHint: "name" },
    json: jsonOption,
  },
  examples: [
    ["secretgrad inspect digits.onnx", "layers, parameters, and cost per protocol"],
    ["secretgrad inspect digits.keras --link 60/100 --protocol rep3", "the cost on a slow link"],
    [
      "secretgrad inspect digits.onnx --calibrate t10k-images-idx3-ubyte.gz --scale 0.00392156862745098",
      "whether values stay in the range of fixed point",
    ],
    ["secretgrad inspect checkpoint.pt --key model_state_dict", "the tensors of a state dict"],
  ],
  async run(args) {
    const out = output(args.json);
    const fraction = integer("fraction", args.fraction, 1, 24);
    const rows = integer("rows", args.rows, 1, 100_000);
    const [roundTripMs, megabitsPerSecond, ...more] = args.link.split("/").map((text) => decimal("link", text));
    if (roundTripMs === undefined || !(megabitsPerSecond! > 0) || roundTripMs < 0 || more.length > 0)
      throw new UsageError(`--link: expected MS/MBIT, as 10/1000, got ${args.link}`);
    const link = { roundTripMs, megabitsPerSecond: megabitsPerSecond! };
    const { protocolNamed } = await import("../../src/protocol/choice.js");
    const definitions = list(args.protocol).map(protocolNamed);
    const models = await import("../../src/models/index.js");
    const bytes = await modelBytes(args.file);
    const format = models.modelFormat(bytes);
    if (format === "torch" || format === "safetensors") {
      const state = models.readStateDict(bytes, args.key === undefined ? {} : { key: args.key });
      const tensors = Object.entries(state).map(([name, { shape }]) => ({ name, shape }));
      out.object({ file: args.file, format, tensors });
      out.line(`${args.file}: ${format}, ${tensors.length} tensors`);
      out.line(
        table(
          ["TENSOR", "SHAPE"],
          tensors.map(({ name, shape }) => [printable(name), `[${shape}]`]),
        ),
      );
      return;
    }
    let model: ImportedModel;
    try {
      model = format === "tfjs" ? await openTfjs(args.file, bytes) : models.importModel(bytes);
    } catch (error) {
      if (error instanceof Error && "nodes" in error) out.object({ file: args.file, format, unsupported: error.nodes });
      // ONNX has no sign of its own, so anything may have been read as such.
      else if (format === "onnx" && error instanceof ModelFileError && extname(args.file).toLowerCase() !== ".onnx")
        throw new CommandError(
          `${args.file}: expected a model (.onnx, .h5, .keras, model.json of TensorFlow.js, .pt, .pth, .safetensors), got another kind of file (read as ONNX: ${error.message}); try its path`,
        );
      throw error;
    }
    const summary = model.summary(rows);
    const { predictionCosts } = await import("../prediction-costs.js");
    const { costs, assumed } = await predictionCosts(model, { rows, fraction, definitions, link });
    const calibration = args.calibrate === undefined ? undefined : await calibrated(model, args.calibrate, args);
    const { inputs, outputs } = model;
    const ranges = calibration && { calibration: calibration.layers, overflows: calibration.overflows };
    out.object({
      file: args.file,
      format: model.format,
      ...summary,
      inputs,
      outputs,
      rows,
      fraction,
      link,
      costs,
      assumed,
      ...ranges,
    });
    if (args.json) return;
    out.line(`${args.file}: ${model.format}, ${summary.layers.length} layers, ${summary.parameters} parameters`);
    const port = ({ name, shape }: (typeof inputs)[number]) =>
      `${printable(name)} [${shape.map((length) => length ?? "any")}]`;
    out.line(`Takes ${inputs.map(port).join(", ")}; gives ${outputs.map(port).join(", ")}`);
    out.line();
    out.line(layerTable(summary, calibration));
    out.line();
    out.line(
      `${rows === 1 ? "A prediction" : `A batch of ${rows} predictions`}, at ${fraction} fraction bits, ${roundTripMs} ms and ${megabitsPerSecond} Mbit/s:`,
    );
    out.line(
      table(
        ["PROTOCOL", "ROUNDS", "SENT BY THE BUSIEST", "COMMUNICATION"],
        costs.map(({ protocol, rounds, bytesPerParty, seconds }) => [
          protocol,
          String(rounds),
          bytesText(Math.max(...bytesPerParty)),
          secondsText(seconds),
        ]),
      ),
    );
    out.line();
    if (assumed.length > 0) out.line(`Functions take values to be in their domain: ${assumed.join("; ")}`);
    if (!calibration)
      return out.line("Values are taken to stay below 2^15: --calibrate FILE shows how large they become.");
    const over = calibration.layers.filter(({ headroomBits }) => headroomBits <= 0);
    const near = calibration.layers.filter(({ headroomBits }) => headroomBits > 0 && headroomBits < 2);
    for (const { name, largest } of over)
      out.line(`OVERFLOW: ${printable(name)} reaches ${largest.toPrecision(4)}, and fixed point ends at 32768`);
    for (const { name, largest } of near)
      out.line(`Near the end: ${printable(name)} reaches ${largest.toPrecision(4)}; other inputs may pass 32768`);
    const domains = calibration.overflows.filter(({ kind }) => kind === "domain");
    for (const { op, largest, limit, count } of domains)
      out.line(`OUT OF DOMAIN: ${count} values of ${op} reach ${largest.toPrecision(4)}, and it ends at ${limit}`);
    const inside = calibration.overflows.length - domains.length;
    if (over.length === 0 && inside > 0) out.line(`OVERFLOW: inside of layers, at ${inside} places`);
    if (over.length === 0 && near.length === 0 && calibration.overflows.length === 0)
      out.line("All layers stay at least two bits below 2^15 on these inputs.");
  },
});

function layerTable({ layers }: ModelSummary, calibration: Calibration | undefined): string {
  const ranges = new Map(calibration?.layers.map((layer) => [layer.name, layer]));
  const rows = layers.map(({ name, type, shape, parameters }) => {
    const range = ranges.get(name);
    const own = range ? [range.largest.toPrecision(4), range.headroomBits.toFixed(1)] : [];
    return [printable(name), printable(type), `[${shape}]`, parameters > 0 ? String(parameters) : "", ...own];
  });
  return table(["LAYER", "TYPE", "SHAPE", "PARAMETERS", ...(calibration ? ["LARGEST", "BITS LEFT"] : [])], rows);
}

async function calibrated(
  model: ImportedModel,
  file: string,
  { scale, normalize }: Pick<RowArguments, "scale" | "normalize">,
): Promise<Calibration> {
  if (model.inputs.length !== 1)
    throw new CommandError(
      `--calibrate: expected a model of one input, got ${model.inputs.length}; try calibrate() of the library`,
    );
  const { calibrate } = await import("../../src/models/index.js");
  const source = await openRows(file, { scale, normalize });
  const values = new Float64Array(source.rowShape.reduce((size, length) => size * length, source.rows));
  await source.read(0, source.rows, values);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (scale === undefined && normalize === undefined && largest > usualInputs)
    console.error(
      `${file}: values reach ${largest.toPrecision(4)}, and models usually expect inputs from 0 to 1; try --scale ${largest <= 255 ? "0.00392" : (1 / largest).toPrecision(3)}`,
    );
  return calibrate(model, values);
}
/** Pixels as bytes are beyond; standardised numbers are not. */
const usualInputs = 64;
