/** What a command prints: JSON lines for programs, or text for people. Never both on stdout. */
import { isCI, isTTY } from "./terminal.js";

export interface Output {
  readonly json: boolean;
  /** One JSON object; nothing in text mode. */
  object(value: object): void;
  /** One line of text; nothing in JSON mode. */
  line(text?: string): void;
  /** For people in both modes: on stderr if stdout carries JSON. */
  note(text: string): void;
}

export function output(json: boolean | undefined): Output {
  return {
    json: json ?? false,
    object: (value) => {
      if (json) console.log(JSON.stringify(value));
    },
    line: (text = "") => {
      if (!json) console.log(text);
    },
    note: (text) => {
      if (json) console.error(text);
      else console.log(text);
    },
  };
}

/** A table with aligned columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export const bytesText = (bytes: number): string => {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes} B`;
};
export const secondsText = (seconds: number): string => {
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return seconds >= 10
    ? `${Math.round(seconds)} s`
    : seconds >= 1
      ? `${seconds.toFixed(1)} s`
      : `${Math.round(seconds * 1000)} ms`;
};

/** Shows how far something is: a bar on a terminal, a line now and then elsewhere, nothing in JSON mode. */
export interface Progress {
  at(done: number, message: string): void;
  stop(message: string): void;
}
export async function progress(title: string, of: number, out: Output): Promise<Progress> {
  if (out.json) return { at: () => {}, stop: () => {} };
  if (!isTTY() || isCI()) return plainProgress(title, of, out);
  const { progress: bar } = await import("@clack/prompts");
  // The title gets a line of its own: bar and message must fit into 80 columns.
  out.line(title);
  const shown = bar({ max: of, style: "block", size: 20 });
  shown.start();
  let last = 0;
  return {
    at(done, message) {
      shown.advance(done - last, message);
      last = done;
    },
    stop: (message) => shown.stop(message),
  };
}

function plainProgress(title: string, of: number, out: Output): Progress {
  const everyMs = 5000;
  let next = Date.now() + everyMs;
  out.line(title);
  return {
    at(done, message) {
      if (Date.now() < next) return;
      next = Date.now() + everyMs;
      out.line(`  ${String(Math.floor((100 * done) / of)).padStart(3)} % ${message}`);
    },
    stop: (message) => out.line(message),
  };
}
