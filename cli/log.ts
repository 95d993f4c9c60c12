/** A party's log on stdout: lines for people, or pino's JSON. The library decides what may be in it, see src/party/logger.ts. */
import colors from "picocolors";
import { destination, pino, stdTimeFunctions } from "pino";
import type { Logger } from "../src/party/index.js";
import { printable } from "./terminal.js";

type Level = keyof Logger;
type Facts = Readonly<Record<string, unknown>>;
type Write = (level: Level, message: string, facts: Facts) => void;

const paint: Readonly<Record<Level, (text: string) => string>> = {
  debug: colors.dim,
  info: (text) => text,
  warn: colors.yellow,
  error: colors.red,
};

/** On one line: what a peer said cannot pass for a line of its own. */
const oneLine = (text: string): string => printable(text).replaceAll("\n", " ");

function forPeople(level: Level, message: string, facts: Facts): void {
  const time = new Date().toISOString().slice(11, 23);
  const rest = Object.entries(facts).map(
    ([key, value]) => `${key}=${oneLine(typeof value === "string" ? value : JSON.stringify(value))}`,
  );
  console.log(`${colors.dim(time)} ${paint[level](oneLine(message))} ${colors.dim(rest.join(" "))}`.trimEnd());
}

/** {"level", "time", …facts, "event"}. Written at once, so that the last lines before an end are there. */
function asJson(): Write {
  const lines = pino(
    {
      level: "debug",
      base: null,
      messageKey: "event",
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination({ dest: 1, sync: true }),
  );
  return (level, message, facts) => lines[level](facts, message);
}

export function log(json: boolean): Logger {
  const write = json ? asJson() : forPeople;
  const at =
    (level: Level) =>
    (message: string, facts: Facts = {}) =>
      write(level, message, facts);
  const debug = process.env.SECRETGRAD_DEBUG ? at("debug") : () => {};
  return { debug, info: at("info"), warn: at("warn"), error: at("error") };
}
