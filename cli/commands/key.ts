/** `secretgrad key`: makes the key of one party or user on its own machine. Not a cluster, see init.ts. */
import { command, jsonOption } from "../command.js";
import { UsageError } from "../errors.js";
import { output } from "../output.js";

export default command({
  description: "Make a private key on this machine, for a cluster whose members each make their own",
  details:
    "Writes NAME.pem (private, stays here) and NAME.key (what a party's disk is encrypted with; keep it off that disk), and prints the\n" +
    "pin that belongs into the cluster file, by which the others know this key. Tell it them by a way that nobody can change.\n" +
    "A party needs another key for each group of parties that it is in.",
  args: {
    name: { type: "positional", description: "As the cluster file says", required: true },
    out: { type: "string", description: "Where to write", default: ".", valueHint: "dir" },
    as: { type: "string", description: "What the files are called; default NAME", valueHint: "name" },
    json: jsonOption,
  },
  examples: [
    ["secretgrad key north --out /run/keys", "north.pem and north.key; give the others the pin"],
    ["secretgrad key north --as north-1 --out /run/keys", "the same party's key in a second group"],
  ],
  async run(args) {
    const { mkdir } = await import("node:fs/promises");
    const { join } = await import("node:path");
    const { identityText } = await import("../../src/client/identity-file.js");
    const { createIdentity, fingerprint } = await import("../../src/net/index.js");
    const { secureRandom } = await import("../../src/random/index.js");
    const { writeNew } = await import("../init.js");
    const { name } = args;
    const as = args.as ?? name;
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(as))
      throw new UsageError(
        `--as: expected a name of letters, digits and ._-, got ${JSON.stringify(as)}; try ${name}-1`,
      );
    const identity = await createIdentity(name);
    const pin = fingerprint(identity.certPem);
    await mkdir(args.out, { recursive: true, mode: 0o700 });
    await writeNew(join(args.out, `${as}.pem`), identityText(identity), 0o600);
    await writeNew(join(args.out, `${as}.key`), secureRandom(32), 0o600);
    const out = output(args.json);
    out.object({ name, pin });
    out.line(`"name": "${name}", "pin": "${pin}"`);
  },
});
