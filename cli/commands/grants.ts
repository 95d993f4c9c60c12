/** `secretgrad grants`: what an owner has approved, and takes it back. */
import { clusterOption, command, jsonOption, keyOption, userOption } from "../command.js";
import { output, table } from "../output.js";

export default command({
  description: "List your grants, or revoke one",
  args: {
    revoke: { type: "string", description: "Take this grant back at all parties", valueHint: "id" },
    cluster: clusterOption,
    key: keyOption,
    user: userOption,
    json: jsonOption,
  },
  examples: [
    ["secretgrad grants --user alice", "alice's grants and how often each may still be used"],
    ["secretgrad grants --user alice --revoke 5b1d…", "from now on it allows nothing"],
  ],
  async run(args) {
    const out = output(args.json);
    const { whoAmI } = await import("../reach.js");
    const { connectOwner } = await import("../../src/client/index.js");
    const owner = await connectOwner(args.cluster, await whoAmI(args, "owner"));
    try {
      if (args.revoke !== undefined) {
        const id = await owner.revoke(args.revoke);
        out.object({ revoked: id });
        out.line(`Revoked ${id}.`);
        return;
      }
      const grants = await owner.grants();
      for (const grant of grants) out.object(grant);
      if (grants.length === 0) out.line("No grants.");
      else
        out.line(
          table(
            ["GRANT", "PLAN", "RELEASE", "MIN ROWS", "TO", "LEFT", "EXPIRES"],
            grants.map((grant) => [
              grant.id,
              grant.digest.slice(0, 12),
              `${grant.release} ${grant.reveal}`,
              String(grant.minRows),
              grant.recipients.join(", "),
              grant.revoked ? "revoked" : `${grant.left} of ${grant.times}`,
              grant.expires,
            ]),
          ),
        );
    } finally {
      await owner.close();
    }
  },
});
