/**
 * Our own commands as child processes that cannot outlive us: they stop when their stdin closes, which the system does
 * even if we are killed. For `up`, the demo, and tests.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { partyFlags } from "./node-flags.js";

export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves when it is gone. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Asks it to stop, kills it if it does not in time. */
  stop(): Promise<void>;
}
export interface ChildOptions {
  readonly name: string;
  /** Arguments after `secretgrad`. */
  readonly args: readonly string[];
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  readonly env?: Readonly<Record<string, string>>;
}

const graceMs = 5000;

/** Runs `secretgrad ARGS` with the same Node and the same loader as this process. */
export function startChild({ name, args, onLine = () => {}, env = {} }: ChildOptions): Child {
  const main = import.meta.url.endsWith(".ts") ? "./main.ts" : "./main.js";
  const script = fileURLToPath(new URL(main, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, ...partyFlags, script, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env, SECRETGRAD_PARENT: String(process.pid) },
    // Ctrl-C reaches only us; we stop the children in good order.
    detached: true,
  });
  for (const stream of ["stdout", "stderr"] as const)
    createInterface({ input: child[stream]! }).on("line", (line) => onLine(line, stream));
  child.stdin!.on("error", () => {});
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: 1, signal: null }));
  });
  return {
    name,
    process: child,
    exited,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Runs a command to its end; rejects with its last words on a bad exit code. */
export async function runChild(options: ChildOptions): Promise<void> {
  const errors: string[] = [];
  const child = startChild({
    ...options,
    onLine(line, stream) {
      if (stream === "stderr") errors.push(line);
      options.onLine?.(line, stream);
    },
  });
  const { code, signal } = await child.exited;
  if (code !== 0) throw new Error(`${options.name}: ${errors.slice(-5).join("\n") || `ended with ${signal ?? code}`}`);
}
