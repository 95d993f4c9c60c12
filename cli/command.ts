/** What a subcommand is, and the strict reading of its arguments: nothing unknown, nothing superfluous. */
import { type ArgsDef, type ParsedArgs, parseArgs } from "citty";
import { UsageError } from "./errors.js";

export interface Command<A extends ArgsDef> {
  /** One line, for the overview. */
  readonly description: string;
  /** More lines, for its own help. */
  readonly details?: string;
  readonly args: A;
  /** Command lines with what they do. */
  readonly examples: readonly (readonly [string, string])[];
  run(args: ParsedArgs<A>): Promise<void>;
}
// biome-ignore lint/suspicious/noExplicitAny: a command's arguments are its own business
export type AnyCommand = Command<any>;

/** For inference: the arguments' types come from their definitions. */
export function command<const A extends ArgsDef>(definition: Command<A>): Command<A> {
  return definition;
}

export function parseArguments(
  name: string,
  { args: definitions }: AnyCommand,
  rest: readonly string[],
): ParsedArgs<ArgsDef> {
  let parsed: ParsedArgs<ArgsDef>;
  try {
    parsed = parseArgs([...rest], definitions);
  } catch (error) {
    throw new UsageError(
      `${name}: ${error instanceof Error ? plain(error.message) : error}; try secretgrad ${name} --help`,
    );
  }
  const entries = Object.entries(definitions as ArgsDef);
  const positionals = entries.filter(([, { type }]) => type === "positional").map(([key]) => key);
  const known = new Set(entries.flatMap(([key]) => [key, camel(key)]));
  const { _: given, ...options } = parsed;
  for (const [key, value] of Object.entries(options)) {
    if (!known.has(key))
      throw new UsageError(`${name}: expected a known option, got --${key}; try secretgrad ${name} --help`);
    if (value === "")
      throw new UsageError(`${name}: expected a value for --${key}, got none; try secretgrad ${name} --help`);
  }
  if (given.length > positionals.length)
    throw new UsageError(
      `${name}: expected ${positionals.length} arguments, got ${given.length} (${given.at(-1)}); try secretgrad ${name} --help`,
    );
  return parsed;
}

/** A whole number of an option. */
export function integer(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`--${option}: expected a whole number from ${least} to ${most}, got ${text}`);
  return value;
}
/** A number of an option. */
export function decimal(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new UsageError(`--${option}: expected a number, got ${text}`);
  return value;
}
/** An amount of memory, in bytes. */
export function memorySize(option: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(MiB|GiB)$/i.exec(text) ?? [];
  const value = Math.floor(Number(digits) * 2 ** (unit?.toLowerCase() === "gib" ? 30 : 20));
  if (!(value >= 2 ** 24 && value <= 2 ** 32))
    throw new UsageError(`--${option}: expected a size from 16MiB to 4GiB, got ${text}; try 512MiB`);
  return value;
}
export const natsOption = {
  type: "string",
  description: "The broker between clients and several groups of parties; or SECRETGRAD_NATS, which hides a password",
  valueHint: "nats://host:4222",
} as const;
/** A password in it is better off in the environment than among the arguments, which everybody on the machine can read. */
export const natsServer = (given: string | undefined): string | undefined => given ?? process.env.SECRETGRAD_NATS;

/** A comma-separated list. */
export function list(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
// biome-ignore lint/suspicious/noControlCharactersInRegex: citty colours its messages
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

/** Options that most commands share. */
export const jsonOption = { type: "boolean", description: "One JSON object per line on stdout" } as const;
export const clusterOption = {
  type: "string",
  description: "The cluster file",
  default: process.env.SECRETGRAD_CLUSTER ?? "cluster.json",
  valueHint: "file",
} as const;
export const memoryOption = {
  type: "string",
  description:
    "Most memory for shares (variables and a run's values, estimated from above); runs that need more are refused. Up to 4GiB, default 3.75GiB",
  valueHint: "size",
} as const;
export const keyOption = {
  type: "string",
  description: "Key file of who you are; default keys/NAME.pem beside the cluster file",
  valueHint: "file",
} as const;
export const userOption = {
  type: "string",
  description: "Who you are, if the key does not say so",
  valueHint: "name",
} as const;
