/** For the tutorials: a throw-away cluster of party processes on this machine, made with the `secretgrad` command. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = process.env.SECRETGRAD_CLI ?? fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

export interface Cluster {
  /** The cluster file; the users' keys lie beside it. */
  readonly file: string;
  stop(): Promise<void>;
}

/** `users` is a list like alice:owner,driver:driver; `parties` are names in order, of protocols with a dealer the dealer last. */
export async function startCluster(users: string, { protocol = "rep3", parties = "p0,p1,p2" } = {}): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), "secretgrad-tutorial-"));
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [...(program.endsWith(".ts") ? process.execArgv : []), program, ...args], {
      cwd: directory,
      // Children that find their stdin closed stop: none outlives this process.
      env: { ...process.env, SECRETGRAD_PARENT: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
  const init = start("init", ".", "--port", "0", "--users", users, "--protocol", protocol, "--parties", parties);
  init.stdout!.resume();
  const [code] = await once(init, "exit");
  if (code !== 0) throw new Error("secretgrad init failed");

  const up = start("up", ".", "--json");
  const ended = once(up, "exit");
  await new Promise<void>((resolve, reject) => {
    void ended.then(() => reject(new Error("secretgrad up ended early")), reject);
    createInterface({ input: up.stdout! }).on("line", (line) => line.includes('"ready"') && resolve());
  });
  return {
    file: join(directory, "cluster.json"),
    async stop() {
      up.kill("SIGTERM");
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
