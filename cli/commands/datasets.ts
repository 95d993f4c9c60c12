/** `secretgrad datasets`: what the parties hold, or removes a dataset of yours. */
import { clusterOption, command, jsonOption, keyOption, userOption } from "../command.js";
import { output, table } from "../output.js";

export default command({
  description: "List the datasets that all parties hold, or remove one of yours",
  args: {
    remove: { type: "string", description: "Remove this dataset of yours at all parties, for good", valueHint: "name" },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad datasets", "all datasets, with what is public about them"],
    ["secretgrad datasets --remove alice/images", "as alice; without undo"],
  ],
  async run(args) {
    const out = output(args.json);
    const { whoAmI } = await import("../reach.js");
    const { reach, Owner } = await import("../../src/client/index.js");
    const who =
      args.remove !== undefined && args.user === undefined && args.key === undefined
        ? await whoAmI({ cluster: args.cluster, user: args.remove.split("/")[0] }, "owner")
        : await whoAmI(args, "any");
    const { definition, parties, close } = await reach(args.cluster, undefined, who);
    const owner = new Owner({ definition, parties, name: who.as, close });
    try {
      if (args.remove !== undefined) {
        await owner.remove(args.remove);
        out.object({ removed: args.remove });
        out.line(`Removed ${args.remove} at all parties.`);
        return;
      }
      const list = await owner.datasets();
      for (const { name, owner: of, rows, rowShape, scale, format, protocol } of list)
        out.object({ dataset: name, owner: of, rows, rowShape, scale, format, protocol });
      if (list.length === 0) out.line("No datasets yet. Owners add them with: secretgrad share FILE --as OWNER/NAME");
      else
        out.line(
          table(
            ["DATASET", "ROWS", "ROW SHAPE", "NUMBERS"],
            list.map(({ name, rows, rowShape, scale, format }) => [
              name,
              String(rows),
              `[${rowShape}]`,
              format === "integer" ? "whole" : `fixed point, ${scale} fraction bits`,
            ]),
          ),
        );
    } finally {
      await close();
    }
  },
});
