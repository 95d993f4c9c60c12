/** `secretgrad ask`: asks a served model about the rows of a file. */
import { command, integer, jsonOption, natsOption, natsServer } from "../command.js";
import { CommandError } from "../errors.js";
import { isThroughBroker } from "../invitation.js";
import { output, secondsText, table } from "../output.js";
import { openRows, rowOptions } from "../rows.js";
import { printable } from "../terminal.js";

export default command({
  description: "Ask a served model: share inputs from a file, put the answers together",
  details:
    "Each row of the file is shared on this machine; each party gets one part, over TLS, and sees neither it, nor the model, nor\n" +
    "the answer. Prepare rows as the model's training data were.",
  args: {
    client: { type: "positional", description: "The file that the model's owner gave you", required: true },
    file: { type: "positional", description: "Inputs: IDX, .npy or CSV, also gzipped", required: true },
    ...rowOptions,
    insecure: {
      type: "boolean",
      description:
        "Parties on this machine that run with --serve-insecure: without TLS, whatever the file says of their keys",
    },
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
    let toldUntil = 0;
    const model = await connectModel(args.client, {
      retries,
      insecure: args.insecure ?? false,
      // Once for all rows that wait for the same; short pauses are nobody's concern.
      onWaiting: ({ message }, ms) => {
        if (ms < 2000 || Date.now() < toldUntil) return;
        toldUntil = Date.now() + ms;
        console.error(`Waiting ${secondsText(ms / 1000)}, then asking again: ${printable(message)}`);
      },
      ...(broker === undefined ? {} : { broker }),
    });
    try {
      const started = performance.now();
      const words = source.rowShape.reduce((size, length) => size * length, 1);
      const row = async (index: number) => {
        const values = new Float64Array(words);
        await source.read(index, 1, values);
        return values;
      };
      if (source.rows === 0) throw new CommandError(`${args.file}: expected rows, got none`);
      const asked = Array.from({ length: source.rows }, async (_, i) => model.predict(await row(i)));
      const ended = await Promise.allSettled(asked);
      const seconds = (performance.now() - started) / 1000;
      const first = Number(args.rows?.split(":")[0] ?? 0);
      // An answer that came was counted, so it is shown even if others failed.
      const answers = ended.flatMap((end, i) => (end.status === "fulfilled" ? [{ row: first + i, ...end.value }] : []));
      for (const { scores, ...answer } of answers)
        out.object({ ...answer, ...(scores ? { scores: [...scores] } : {}) });
      if (answers.length > 0)
        out.line(
          table(
            ["ROW", "CLASS", ""],
            answers.map(({ row, class: at, label = "", scores }) => [
              String(row),
              String(at),
              [label, ...(scores ? [[...scores].map((score) => score.toFixed(4)).join(" ")] : [])].join(" ").trim(),
            ]),
          ),
        );
      const failed = ended.find((end) => end.status === "rejected");
      out.line(
        `${answers.length}${failed ? ` of ${ended.length}` : ""} answers of ${model.facts.model} in ${secondsText(seconds)}.`,
      );
      if (failed) throw failed.reason;
    } finally {
      await model.close();
    }
  },
});
