/** `secretgrad ask`: asks a served model about the rows of a file. */
import { command, integer, jsonOption, natsOption, natsServer } from "../command.js";
import { CommandError } from "../errors.js";
import { isThroughBroker } from "../invitation.js";
import { output, secondsText, table } from "../output.js";
import { openRows, rowOptions } from "../rows.js";

export default command({
  description: "Ask a served model: share inputs from a file, put the answers together",
  details:
    "Each row of the file is shared on this machine; each party gets one part, over TLS, and sees neither it, nor the model, nor\n" +
    "the answer. Prepare rows as the model's training data were.",
  args: {
    client: { type: "positional", description: "The file that the model's owner gave you", required: true },
    file: { type: "positional", description: "Inputs: IDX, .npy or CSV, also gzipped", required: true },
    ...rowOptions,
    retries: { type: "string", description: "How often to ask again where that can help", default: "3" },
    nats: { ...natsOption, description: "The broker, instead of the one in the client's file; or SECRETGRAD_NATS" },
    json: jsonOption,
  },
  examples: [
    [
      "secretgrad ask digits.shop.json t10k-images-idx3-ubyte.gz --rows 0:3 --flatten --scale 0.00392156862745098",
      "three images",
    ],
  ],
  async run(args) {
    const out = output(args.json);
    const retries = integer("retries", args.retries, 0, 100);
    const source = await openRows(args.file, args);
    const { connectModel } = await import("../../src/client/index.js");
    // The environment's is for models behind a broker; others have addresses.
    const broker = (await isThroughBroker(args.client)) ? natsServer(args.nats) : args.nats;
    const model = await connectModel(args.client, { retries, ...(broker === undefined ? {} : { broker }) });
    try {
      const started = performance.now();
      const words = source.rowShape.reduce((size, length) => size * length, 1);
      const row = async (index: number) => {
        const values = new Float64Array(words);
        await source.read(index, 1, values);
        return values;
      };
      const answers = await model.predictAll(await Promise.all(Array.from({ length: source.rows }, (_, i) => row(i))));
      const seconds = (performance.now() - started) / 1000;
      const first = Number(args.rows?.split(":")[0] ?? 0);
      for (const [i, answer] of answers.entries())
        out.object({ row: first + i, ...answer, ...(answer.scores ? { scores: [...answer.scores] } : {}) });
      out.line(
        table(
          ["ROW", "CLASS", ""],
          answers.map(({ class: at, label = "", scores }, i) => [
            String(first + i),
            String(at),
            [label, ...(scores ? [[...scores].map((score) => score.toFixed(4)).join(" ")] : [])].join(" ").trim(),
          ]),
        ),
      );
      out.line(`${answers.length} answers of ${model.facts.model} in ${secondsText(seconds)}.`);
      if (source.rows === 0) throw new CommandError(`${args.file}: expected rows, got none`);
    } finally {
      await model.close();
    }
  },
});
