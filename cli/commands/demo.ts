/** `secretgrad demo`: three parties train a network on MNIST that none of them sees. The work is in cli/demo. */
import { command, integer, jsonOption } from "../command.js";
import { UsageError } from "../errors.js";

export default command({
  description: "Train a network on MNIST with three parties that never see it (npm start)",
  args: {
    tutorial: { type: "boolean", description: "A small network, ten epochs, beside the same training in the clear" },
    images: { type: "string", description: "Train and test with so many images instead of all", valueHint: "count" },
    keep: { type: "boolean", description: "Keep the parties' files to look at them" },
    json: jsonOption,
  },
  examples: [
    ["secretgrad demo", "all of MNIST, one epoch, about a minute"],
    ["secretgrad demo --tutorial", "640 images, ten epochs, accuracy beside the clear twin's"],
  ],
  async run(args) {
    const { runDemo } = await import("../demo/demo.js");
    const count = args.images === undefined ? undefined : integer("images", args.images, 128, 10_000);
    if (args.tutorial && count !== undefined) throw new UsageError("demo: expected --tutorial or --images, got both");
    await runDemo({ tutorial: args.tutorial ?? false, count, keep: args.keep ?? false, json: args.json ?? false });
  },
});
