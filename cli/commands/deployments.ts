/** `secretgrad deployments`: what the parties serve, or withdraws a model of yours. */
import { clusterOption, command, jsonOption, keyOption, userOption } from "../command.js";
import { output, table } from "../output.js";
import { printable } from "../terminal.js";

export default command({
  description: "List the models that the parties serve, or withdraw one of yours",
  args: {
    withdraw: {
      type: "string",
      description: "Serve this model of yours no more; its weights are removed",
      valueHint: "name",
    },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad deployments", "what is served, to whom, and how often it was asked"],
    ["secretgrad deployments --withdraw digits", "without undo"],
  ],
  async run(args) {
    const out = output(args.json);
    const { whoAmI } = await import("../reach.js");
    const { connect } = await import("../../src/client/index.js");
    const session = await connect(args.cluster, await whoAmI(args, "driver"));
    try {
      if (args.withdraw !== undefined) {
        await session.withdraw(args.withdraw);
        out.object({ withdrawn: args.withdraw });
        out.line(`${args.withdraw} is served no more.`);
        return;
      }
      const models = await session.deployments();
      for (const model of models) out.object(model);
      if (models.length === 0) out.line("No models yet. Drivers add them with: secretgrad deploy FILE --as NAME");
      else
        out.line(
          table(
            ["MODEL", "OWNER", "INPUT", "TELLS", "CLIENT", "ASKED"],
            models
              .flatMap(({ name, owner, input, output: { kind }, clients, asked, queries }) => [
                [name, owner, `[${input}]`, kind, "", of(asked, queries)],
                ...clients.map((client) => [
                  "",
                  "",
                  "",
                  "",
                  client.name,
                  `${of(client.asked, client.queries)}${client.expires ? `, until ${client.expires}` : ""}`,
                ]),
              ])
              .map((row) => row.map(printable)),
          ),
        );
    } finally {
      await session.close();
    }
  },
});

const of = (asked: number, most: number | undefined): string =>
  most === undefined ? `${asked}` : `${asked} of ${most}`;
