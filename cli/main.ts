#!/usr/bin/env -S node --max-semi-space-size=1 --initial-old-space-size=64
import { type AnyCommand, parseArguments } from "./command.js";
/**
 * The `secretgrad` command: finds the subcommand, checks its arguments, runs it and turns errors into exit codes: 1 for
 * errors that we name, 2 for wrong usage. Not the subcommands, which are loaded one at a time.
 */
import { CommandError, UsageError } from "./errors.js";
import { printable } from "./terminal.js";

const commands: Readonly<Record<string, () => Promise<{ default: AnyCommand }>>> = {
  demo: () => import("./commands/demo.js"),
  init: () => import("./commands/init.js"),
  key: () => import("./commands/key.js"),
  up: () => import("./commands/up.js"),
  party: () => import("./commands/party.js"),
  dealer: () => import("./commands/dealer.js"),
  deal: () => import("./commands/deal.js"),
  status: () => import("./commands/status.js"),
  share: () => import("./commands/share.js"),
  datasets: () => import("./commands/datasets.js"),
  inspect: () => import("./commands/inspect.js"),
  plan: () => import("./commands/plan.js"),
  grant: () => import("./commands/grant.js"),
  deploy: () => import("./commands/deploy.js"),
  deployments: () => import("./commands/deployments.js"),
  ask: () => import("./commands/ask.js"),
  grants: () => import("./commands/grants.js"),
};
const hidden: typeof commands = { "demo-owner": () => import("./demo/owner.js") };
const aliases: Readonly<Record<string, string>> = { plans: "plan", start: "demo" };

async function main(argv: readonly string[]): Promise<void> {
  const [first, ...rest] = argv;
  if (first === "--version" || first === "-v") return console.log(await version());
  if (first === undefined || first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    console.log(await overview());
    if (first === undefined) throw new UsageError("expected a command, got none");
    return;
  }
  const asked = first === "help" ? rest.shift()! : first;
  const name = aliases[asked] ?? asked;
  const load = Object.hasOwn(commands, name) ? commands[name] : Object.hasOwn(hidden, name) ? hidden[name] : undefined;
  if (!load)
    throw new UsageError(
      `expected a command (${Object.keys(commands).join(", ")}), got ${asked}; try secretgrad --help`,
    );
  const { default: command } = await load();
  if (first === "help" || rest.includes("--help") || rest.includes("-h")) {
    const { usage } = await import("./help.js");
    return console.log(await usage(name, command));
  }
  await command.run(parseArguments(name, command, rest));
}

async function overview(): Promise<string> {
  const { overviewText } = await import("./help.js");
  const list = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => ({ name, description: (await load()).default.description })),
  );
  return overviewText(list, await version());
}

async function version(): Promise<string> {
  const { readVersion } = await import("./version.js");
  return readVersion();
}

/** Messages of our own errors are made for people; anything else is a bug, and its stack helps to report it. */
async function explain(error: unknown): Promise<number> {
  const { default: colors } = await import("picocolors");
  const { SecretgradError } = await import("../src/errors.js");
  const json = process.argv.includes("--json");
  const known = error instanceof SecretgradError || error instanceof UsageError || error instanceof CommandError;
  const name = error instanceof Error ? error.name : "Error";
  const message = error instanceof Error ? error.message : String(error);
  if (json) console.log(JSON.stringify({ error: name, message }));
  if (known) console.error(`${colors.red("error")} ${printable(message)}`);
  else console.error(error);
  return error instanceof UsageError ? 2 : 1;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader of a pipe went away (`secretgrad datasets | head -1`).
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = await explain(error);
  // Sockets of a failed command must not keep the process alive.
  setTimeout(() => process.exit(), 500).unref();
}
