/** `secretgrad party`: runs one party of a cluster on this machine until it is stopped. */
import { command, list } from "../command.js";
import { memberOptions, runMember, servingOptions } from "../member.js";

export default command({
  description: "Run one party, until Ctrl-C",
  details:
    "A party holds one share of everything and learns nothing from it. Run each party in another organisation, on another\n" +
    "machine. It reconnects to its peers by itself; what it has acknowledged survives a restart. Plans are forgotten then, and\n" +
    "drivers send them again.",
  args: {
    name: { type: "positional", description: "Which party of the cluster file", required: true },
    dealt: {
      type: "string",
      description:
        "Files of a dealer who has dealt ahead, or directories of such (-dealt protocols); default dealt beside the cluster file",
      valueHint: "paths",
    },
    ...servingOptions,
    ...memberOptions,
  },
  examples: [
    ["secretgrad party p0 --cluster my/cluster.json", "the files as `secretgrad init my` made them"],
    [
      "secretgrad party north --cluster cluster.json --key /run/keys/north.pem --data /var/lib/secretgrad --storage-key /run/keys/north.key",
      "every file where your site wants it",
    ],
    ["secretgrad party p0 --nats nats://broker:4222", "one of several groups that serve the same models"],
    ["secretgrad party p0 --memory 1GiB", "where memory is scarce"],
    ["secretgrad party north --dealt dealt", "with what `secretgrad deal` wrote for this party"],
  ],
  run: ({ "storage-key": storageKey, "serve-cert": serveCert, "serve-insecure": serveInsecure, dealt, ...args }) =>
    runMember({
      ...args,
      as: "party",
      storageKey,
      serveCert,
      serveInsecure,
      dealt: dealt === undefined ? undefined : list(dealt),
    }),
});
