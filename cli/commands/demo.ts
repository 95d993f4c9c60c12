/** `secretgrad demo`: parties train a network on MNIST that none of them sees. The work is in cli/demo. */
import { command, integer, jsonOption } from "../command.js";
import { UsageError } from "../errors.js";
import { isCI, isTTY } from "../terminal.js";

export default command({
  description: "Train a network on MNIST with three parties that never see it (npm start)",
  args: {
    protocol: {
      type: "string",
      description:
        "rep3: three parties; additive: two, and a dealer, who holds no shares, but with any one party could learn everything",
      default: "rep3",
    },
    tutorial: { type: "boolean", description: "A small network, ten epochs, beside the same training in the clear" },
    images: { type: "string", description: "Train and test with so many images instead of all", valueHint: "count" },
    page: {
      type: "boolean",
      description: "Show the run on a page and serve the model to it, until Ctrl-C; on a terminal only, without --json",
      negativeDescription: "No page; ends by itself",
      default: true,
    },
    port: {
      type: "string",
      description: "Show the page at this port, on a terminal or not; 0: a free one",
      valueHint: "port",
    },
    keep: {
      type: "boolean",
      description: "Keep the shares of MNIST, too; keys and the model's shares stay in any case, to go on with them",
    },
    json: jsonOption,
  },
  examples: [
    ["secretgrad demo", "all of MNIST, one epoch, about a minute"],
    ["secretgrad demo --no-page", "the same, and ends by itself"],
    ["secretgrad demo --protocol additive", "the same with two parties and a dealer"],
    ["secretgrad demo --tutorial", "640 images, ten epochs, accuracy beside the clear twin's"],
  ],
  async run(args) {
    const { protocol } = args;
    if (protocol !== "rep3" && protocol !== "additive")
      throw new UsageError(`--protocol: expected rep3 or additive, got ${protocol}`);
    const { runDemo } = await import("../demo/demo.js");
    const count = args.images === undefined ? undefined : integer("images", args.images, 128, 10_000);
    if (args.tutorial && count !== undefined) throw new UsageError("demo: expected --tutorial or --images, got both");
    const { tutorial = false, keep = false, json = false } = args;
    if (args.port !== undefined && (tutorial || !args.page))
      throw new UsageError(`demo: expected --port or ${tutorial ? "--tutorial" : "--no-page"}, got both`);
    const port = args.port === undefined ? 0 : integer("port", args.port, 0, 65_535);
    const wanted = args.port !== undefined || (args.page && !json && isTTY() && !isCI());
    const page = wanted && !tutorial ? { port } : undefined;
    await runDemo({ protocol, tutorial, count, page, keep, json });
  },
});
