/** Help texts: the overview of all commands, and one command's arguments with examples. */

import { stripVTControlCharacters } from "node:util";
import { renderUsage } from "citty";
import colors from "picocolors";
import type { AnyCommand } from "./command.js";

export function overviewText(commands: readonly { name: string; description: string }[], version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, description }) => `  ${colors.cyan(name.padEnd(width))}  ${description}`);
  return [
    `secretgrad ${version}: machine learning on data that nobody may see`,
    "",
    ...lines,
    "",
    `${colors.cyan("secretgrad COMMAND --help")} explains a command. First steps, all on this machine:`,
    "",
    "  secretgrad demo                                three parties train a network on MNIST that none of them sees",
    "  secretgrad init my && secretgrad up my         parties of your own",
    "  secretgrad share FILE --as alice/images --cluster my/cluster.json",
    "",
    "Exit codes: 0 done, 1 an error that the message explains, 2 wrong usage.",
  ].join("\n");
}

export async function usage(name: string, { description, details, args, examples }: AnyCommand): Promise<string> {
  const text = await renderUsage({ meta: { name: `secretgrad ${name}`, description }, args });
  // The first line repeats the name; the usage line follows anyway.
  const body = (colors.isColorSupported ? text : stripVTControlCharacters(text)).split("\n").slice(1).join("\n").trim();
  const shown = examples.flatMap(([line, what]) => [`  ${colors.cyan(line)}`, `      ${what}`]);
  return [
    description,
    ...(details ? ["", details] : []),
    "",
    body,
    "",
    colors.underline(colors.bold("EXAMPLES")),
    "",
    ...shown,
  ].join("\n");
}
