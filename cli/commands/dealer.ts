/** `secretgrad dealer`: runs the dealer of a cluster on this machine until it is stopped. Not correlations in files, see deal.ts. */
import { command } from "../command.js";
import { memberOptions, runMember } from "../member.js";

export default command({
  description: "Run the dealer of an additive cluster, until Ctrl-C",
  details:
    "The dealer sends the parties correlated random numbers while they compute. It holds no shares and is sent none: its\n" +
    "files list datasets, grants and variables, without a word of their contents. But it knows every mask: together with any\n" +
    "one party it knows everything, so run it where no party has access.",
  args: {
    name: { type: "positional", description: "The last member of the cluster file", required: true },
    ...memberOptions,
  },
  examples: [
    ["secretgrad init my --protocol additive --parties east,west --dealer james", "east and west compute, james deals"],
    ["secretgrad dealer james --cluster my/cluster.json", "the files as `secretgrad init` made them"],
  ],
  run: ({ "storage-key": storageKey, ...args }) => runMember({ ...args, as: "dealer", storageKey }),
});
