/** `secretgrad share`: secret-shares a file at its owner and gives each party its part. */
import { clusterOption, command, integer, jsonOption, keyOption } from "../command.js";
import { UsageError } from "../errors.js";
import { bytesText, output, progress, secondsText } from "../output.js";
import { openRows, rowOptions } from "../rows.js";

export default command({
  description: "Share a file of yours: IDX, .npy or CSV, also gzipped",
  details:
    "The numbers are split into shares on this machine; each party gets one that says nothing by itself. Every row of the\n" +
    "first axis becomes one row of the dataset. Numbers must stay below 32768 in magnitude, after --scale and --normalize;\n" +
    "with --integer they are whole and below 2^31. Nobody can compute a value that you have not granted (secretgrad grant).",
  args: {
    file: { type: "positional", description: "The file", required: true },
    as: { type: "string", description: "OWNER/NAME of the dataset", required: true, valueHint: "name" },
    "one-hot": { type: "string", description: "Class numbers become rows of N zeros and a one", valueHint: "classes" },
    ...rowOptions,
    integer: { type: "boolean", description: "Whole numbers, exactly: labels, codes" },
    fraction: { type: "string", description: "Fraction bits of the sessions that will use it", default: "20" },
    cluster: clusterOption,
    key: keyOption,
    json: jsonOption,
  },
  examples: [
    [
      "secretgrad share train-images-idx3-ubyte.gz --as alice/images --flatten --scale 0.00392156862745098 --normalize 0.1307,0.3081",
      "MNIST, as most networks want it",
    ],
    ["secretgrad share train-labels-idx1-ubyte.gz --as bob/labels --one-hot 10", "its labels, from another owner"],
    [
      "secretgrad share patients.csv --as clinic/ages --columns 2 --cluster ward/cluster.json --key clinic.pem",
      "one column of a table",
    ],
  ],
  async run(args) {
    const started = performance.now();
    const out = output(args.json);
    const [owner, name, ...more] = args.as.split("/");
    if (!owner || !name || more.length > 0) throw new UsageError(`--as: expected OWNER/NAME, got ${args.as}`);
    const fraction = integer("fraction", args.fraction, 1, 24);
    const data = await import("../../src/data/index.js");
    const { connectOwner } = await import("../../src/client/index.js");
    let source = await openRows(args.file, args);
    if (args["one-hot"] !== undefined) source = data.oneHot(integer("one-hot", args["one-hot"], 1, 1_000_000))(source);

    const client = await connectOwner(args.cluster, {
      as: owner,
      ...(args.key === undefined ? {} : { key: args.key }),
    });
    try {
      const bar = await progress(`Sharing ${args.as}`, source.rows, out);
      const meta = await client.share(args.as, source, {
        ...(args.integer ? { format: "integer" as const } : { scale: fraction }),
        told: {
          where: args.file,
          advice: args.integer ? "without --integer" : "--scale 0.001, or --normalize MEAN,STD",
        },
        onProgress: ({ rows, of }) => bar.at(rows, `${rows} of ${of} rows`),
      });
      const seconds = (performance.now() - started) / 1000;
      const { rows, rowShape } = meta;
      const bytes = rowShape.reduce((size, length) => size * length, rows) * 8;
      const { dealer } = client.options.definition;
      const dealing = dealer === undefined ? {} : { dealer: meta.parties[dealer]! };
      const holders = meta.parties.filter((_, i) => i !== dealer);
      out.object({ dataset: meta.name, rows, rowShape, scale: meta.scale, parties: holders, ...dealing, seconds });
      bar.stop(
        `Shared ${meta.name}: ${rows} rows of [${rowShape}], ${bytesText(bytes)} of shares, ${secondsText(seconds)}${dealer === undefined ? "" : `; ${dealing.dealer}, who deals, has none of it`}`,
      );
    } finally {
      await client.close();
    }
  },
});
