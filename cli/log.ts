/** A party's log on stdout: lines for people, or JSON. The library decides what may be in it, see src/party/logger.ts. */
import colors from "picocolors";
import type { Logger } from "../src/party/index.js";
import { printable } from "./terminal.js";

type Level = keyof Logger;
const paint: Readonly<Record<Level, (text: string) => string>> = {
  debug: colors.dim,
  info: (text) => text,
  warn: colors.yellow,
  error: colors.red,
};

export function log(json: boolean): Logger {
  const at =
    (level: Level) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}) => {
      const time = new Date().toISOString();
      if (json) console.log(JSON.stringify({ time, level, event: message, ...facts }));
      else {
        const rest = Object.entries(facts).map(
          ([key, value]) => `${key}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
        );
        console.log(
          `${colors.dim(time.slice(11, 23))} ${paint[level](message)} ${colors.dim(rest.join(" "))}`.trimEnd(),
        );
      }
    };
  const debug = process.env.SECRETGRAD_DEBUG ? at("debug") : () => {};
  return { debug, info: at("info"), warn: at("warn"), error: at("error") };
}
