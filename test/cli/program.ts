/** Runs the `secretgrad` command for tests: the build if it is fresh, else the sources. Nothing outlives the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const built = join(root, "dist/cli/main.js");
const source = join(root, "cli/main.ts");

/** Whether dist was made from the present sources; `npm test` builds before. */
export const fresh = isFresh();
export const program = fresh ? built : source;
/** By its address, because commands run in other directories, too. */
export const tsx = import.meta.resolve("tsx");
const loader = fresh ? [] : ["--import", tsx];

function isFresh(): boolean {
  try {
    const made = statSync(built).mtimeMs;
    return ["src", "cli"].every((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).every(
        (file) => !file.endsWith(".ts") || statSync(join(root, folder, file)).mtimeMs <= made,
      ),
    );
  } catch {
    return false;
  }
}

const children = new Set<ChildProcess>();
const directories: string[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Removed after the tests of this file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-test-"));
  directories.push(directory);
  return directory;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The objects on stdout. */
  readonly objects: Record<string, unknown>[];
}
export interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a command to its end. */
export async function secretgrad(args: readonly string[], options: Options = {}): Promise<Ended> {
  const child = start(args, options);
  let stdout = "";
  let stderr = "";
  child.process.stdout!.on("data", (text) => {
    stdout += text;
  });
  child.process.stderr!.on("data", (text) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.process.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  const code = await child.exited;
  clearTimeout(timer);
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return { code, stdout, stderr, objects: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

export interface Running {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Lines of stdout so far. */
  readonly lines: string[];
  /** Resolves with the first line, past or to come, that matches. */
  line(pattern: RegExp, timeoutMs?: number): Promise<string>;
  stop(): Promise<number | null>;
}

/** Starts a command that runs until it is stopped. */
export function start(args: readonly string[], { cwd = root, env = {} }: Options = {}): Running {
  const child = spawn(process.execPath, [...loader, program, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", CI: "1", ...env, SECRETGRAD_PARENT: String(process.pid) },
    stdio: "pipe",
  });
  children.add(child);
  child.stdin.on("error", () => {});
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const errors: string[] = [];
  child.stderr.on("data", (text) => errors.push(String(text)));
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  return {
    process: child,
    exited,
    lines,
    line: (pattern, timeoutMs = 20_000) =>
      new Promise((resolve, reject) => {
        const end = (act: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          act();
        };
        const look = (): void => {
          const found = lines.find((line) => pattern.test(line));
          if (found !== undefined) end(() => resolve(found));
        };
        const fail = (why: string) =>
          end(() =>
            reject(new Error(`${args[0]}: ${why} before ${pattern}:\n${[...lines.slice(-10), ...errors].join("\n")}`)),
          );
        const timer = setTimeout(() => fail("nothing"), timeoutMs);
        waiting.add(look);
        void exited.then(() => setImmediate(() => fail("it ended")));
        look();
      }),
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}

export interface TestCluster {
  readonly directory: string;
  readonly file: string;
  /** `secretgrad ARGS --cluster FILE`. */
  run(...args: string[]): Promise<Ended>;
  /** One party's process; kill it as you like. */
  party(name: string): Running;
  /** A party or the dealer. */
  startParty(name: string, ...args: string[]): Running;
  watch(owner: string, ...args: string[]): Promise<Running>;
  /** All parties are in session, as their logs say, `times` times each. */
  inSession(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly timeoutMs?: number;
  /** Of `secretgrad init`. */
  readonly init?: readonly string[];
  /** Of `secretgrad party NAME`. */
  readonly party?: (name: string) => readonly string[];
}

/** A cluster of processes on free ports: three parties unless `init` says otherwise. */
export async function testCluster({
  timeoutMs,
  init = [],
  party = () => [],
}: ClusterOptions = {}): Promise<TestCluster> {
  const directory = temporaryDirectory();
  const file = join(directory, "cluster.json");
  const users = ["--users", "alice:owner,bob:owner,driver:driver,eve:driver"];
  const made = await secretgrad(["init", directory, "--port", "0", ...users, ...init, "--json"]);
  if (made.code !== 0) throw new Error(made.stderr);
  const written = JSON.parse(readFileSync(file, "utf8")) as { parties: { name: string }[] };
  if (timeoutMs !== undefined) writeFileSync(file, JSON.stringify({ ...written, timeoutMs }));
  const names = written.parties.map(({ name }) => name);
  const dealer = made.objects[0]!.dealer;
  const parties = new Map<string, Running>();
  const others: Running[] = [];
  const cluster: TestCluster = {
    directory,
    file,
    run: (...args) => secretgrad([...args, "--cluster", file]),
    party: (name) => parties.get(name)!,
    startParty(name, ...args) {
      const role = name === dealer ? "dealer" : "party";
      const running = start([role, name, "--cluster", file, "--json", ...party(name), ...args]);
      parties.set(name, running);
      return running;
    },
    async watch(owner, ...args) {
      const watching = start(["grant", "--watch", ...args, "--user", owner, "--cluster", file, "--json"]);
      others.push(watching);
      await watching.line(/watching/);
      return watching;
    },
    async inSession() {
      for (;;) {
        const status = await cluster.run("status", "--json");
        if (status.code === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async stop() {
      await Promise.all([...others, ...parties.values()].map((each) => each.stop()));
    },
  };
  for (const name of names) cluster.startParty(name);
  await Promise.all(names.map((name) => cluster.party(name).line(/session is up/)));
  return cluster;
}
