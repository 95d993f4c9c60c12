/** For the examples: a throw-away cluster of real processes on this machine, made with the `secretgrad` command. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { protocol } from "./protocol.js";

const program = process.env.SECRETGRAD_CLI ?? fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The options of `secretgrad init` have the names of the choice's properties. */
function protocolOptions(): string[] {
  if (typeof protocol === "string") return ["--protocol", protocol];
  const { kind, ...rest } = protocol;
  return Object.entries({ protocol: kind, ...rest }).flatMap(([key, value]) => [`--${key}`, String(value)]);
}

export interface ClusterOptions {
  /** Where clients of served models connect: the first party's port, or 0 for free ones. */
  readonly serve?: string;
}

/** A directory with keys, running parties, and a way to run commands beside them. */
export async function startCluster({ serve }: ClusterOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), "secretgrad-example-"));
  const running: ChildProcess[] = [];

  /** `secretgrad ARGS` in its own process, until it ends. */
  const run = async (...args: string[]): Promise<void> => {
    const child = start(args, args[0] === "init" ? "ignore" : "inherit");
    const code = await new Promise((resolve) => child.once("exit", resolve));
    if (code !== 0) throw new Error(`secretgrad ${args[0]} failed`);
  };
  const start = (args: readonly string[], output: "inherit" | "pipe" | "ignore"): ChildProcess => {
    // Children that find their stdin closed stop: none outlives this process.
    const env = { ...process.env, SECRETGRAD_PARENT: "1", SECRETGRAD_CLUSTER: join(directory, "cluster.json") };
    const loader = program.endsWith(".ts") ? process.execArgv : [];
    const child = spawn(process.execPath, [...loader, program, ...args], {
      cwd: directory,
      env,
      stdio: ["pipe", output, "inherit"],
    });
    running.push(child);
    return child;
  };
  /** The same without end, resolved when it says that it is ready. */
  const background = (ready: RegExp, ...args: string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = start(args, "pipe");
      child.once("exit", () => reject(new Error(`secretgrad ${args[0]} ended early`)));
      createInterface({ input: child.stdout! }).on("line", (line) => ready.test(line) && resolve());
    });
  const stop = async (): Promise<void> => {
    for (const child of running.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.removeAllListeners("exit");
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    }
    await rm(directory, { recursive: true, force: true });
  };

  try {
    await run("init", ".", "--port", "0", ...(serve ? ["--serve", serve] : []), ...protocolOptions());
    await background(/in session/, "up", ".");
  } catch (error) {
    await stop();
    throw error;
  }
  return { directory, file: join(directory, "cluster.json"), run, background, stop };
}
