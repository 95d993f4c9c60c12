/**
 * For the examples: how secrets are shared, and among whom. Three parties, unless the command line says `--protocol additive`:
 * two parties and a dealer. Write any other choice here, and every example takes it.
 */
import { parseArgs } from "node:util";
import type { ProtocolChoice, ProtocolName } from "secretgrad";

const { values, positionals } = parseArgs({
  options: { protocol: { type: "string", default: "rep3" } },
  allowPositionals: true,
});

export const protocol: ProtocolChoice =
  values.protocol === "additive"
    ? { kind: "additive", parties: ["p0", "p1"], dealer: "james" }
    : (values.protocol as ProtocolName);

/** What else the command line says. */
export const args: readonly string[] = positionals;
