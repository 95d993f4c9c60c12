/** The demo's cluster: a directory, free ports, a process for each party and dealer, two for the owners. Not the training. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChosenProtocol, ProtocolChoice } from "../../src/protocol/index.js";
import { CommandError } from "../errors.js";
import { createCluster } from "../init.js";
import { freePorts } from "../ports.js";
import { type Child, startChild } from "../processes.js";

export interface OwnerEvent {
  readonly owner: string;
  readonly event: string;
  readonly dataset?: string;
  readonly rows?: number;
  readonly of?: number;
}
export interface DemoCluster {
  readonly directory: string;
  readonly clusterFile: string;
  /** Names of those who hold shares. */
  readonly parties: readonly string[];
  /** The last member, if the protocol has one. */
  readonly dealer: string | undefined;
  /** All of them, in the protocol's order. */
  readonly members: readonly string[];
  /** Starts alice and bob; resolves when both have shared what they have. */
  startOwners(count: number | undefined, onEvent: (event: OwnerEvent) => void): Promise<void>;
  /** Where clients of served models connect, without TLS: http://127.0.0.1:PORT of each party that computes. Empty if nowhere. */
  readonly serving: readonly string[];
  stopOwners(): Promise<void>;
  stop(): Promise<void>;
  /** From now on the directory is the user's: the next demo does not remove it. */
  keepDirectory(): Promise<void>;
}

export const owners = ["alice", "bob"] as const;
/** What `--protocol` chooses from. Alice and Bob have other roles here: no party may have their names. */
export const protocols = {
  rep3: "rep3",
  additive: { kind: "additive", parties: ["p0", "p1"], dealer: "james" },
} as const satisfies Readonly<Record<string, ProtocolChoice>>;

/**
 * Fails with the last words of a child that ends before it is asked to. `clients`: the model that clients may ask, if any may.
 */
export async function startDemoCluster(
  { definition, names: members }: ChosenProtocol,
  clients?: string,
): Promise<DemoCluster> {
  const directory = await freshDirectory();
  const ports = await freePorts(2 * members.length);
  const serves = (i: number) => clients !== undefined && i !== definition.dealer;
  const { clusterFile } = await createCluster(directory, {
    protocol: definition.name,
    parties: members.map((name, i) => ({
      ...{ name, host: "127.0.0.1", port: ports[i]! },
      ...(serves(i) ? { serve: ports[members.length + i]! } : {}),
    })),
    users: [...owners.map((name) => ({ name, role: "owner" as const })), { name: "driver", role: "driver" }],
  });
  const children = members.map((name, i) => {
    const insecure = serves(i) ? ["--serve-insecure"] : [];
    const args = [i === definition.dealer ? "dealer" : "party", name, "--cluster", clusterFile, ...insecure, "--json"];
    return watched(name, args, (entry) => entry.event === "session is up");
  });
  const ownerChildren: Watched[] = [];
  const stopAll = async (list: readonly Watched[]): Promise<void> => {
    await Promise.all(list.map(({ child }) => child.stop()));
  };
  const stop = async (): Promise<void> => {
    await stopAll(ownerChildren);
    await stopAll(children);
  };
  try {
    await Promise.all(children.map(({ ready }) => ready));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    directory,
    clusterFile,
    parties: members.filter((_, i) => i !== definition.dealer),
    dealer: definition.dealer === undefined ? undefined : members[definition.dealer],
    members,
    serving: members.flatMap((_, i) => (serves(i) ? [`http://127.0.0.1:${ports[members.length + i]}`] : [])),
    async startOwners(count, onEvent) {
      const limit = count === undefined ? [] : ["--count", String(count)];
      const asking = clients === undefined ? [] : ["--clients", clients];
      for (const owner of owners) {
        let left = 2;
        const args = ["demo-owner", owner, "--cluster", clusterFile, ...limit, ...asking, "--json"];
        ownerChildren.push(
          watched(owner, args, (entry) => {
            onEvent({ owner, ...entry } as OwnerEvent);
            return entry.event === "shared" && --left === 0;
          }),
        );
      }
      await Promise.all(ownerChildren.map(({ ready }) => ready));
    },
    stopOwners: () => stopAll(ownerChildren),
    stop,
    keepDirectory: () => rm(join(directory, marker)),
  };
}

type Entry = Readonly<Record<string, unknown>>;
interface Watched {
  readonly child: Child;
  /** Resolves when `isReady` said so, rejects when the process ends before. */
  readonly ready: Promise<void>;
}

function watched(name: string, args: readonly string[], isReady: (entry: Entry) => boolean): Watched {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const ready = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  ready.catch(() => {});
  const words: string[] = [];
  const child = startChild({
    name,
    args,
    onLine(line, stream) {
      words.push(line);
      if (words.length > 5) words.shift();
      if (stream === "stdout" && line.startsWith("{") && isReady(JSON.parse(line) as Entry)) resolve();
    },
  });
  void child.exited.then(() =>
    reject(new CommandError(`demo: expected ${name} to run, but it ended:\n${words.join("\n")}`)),
  );
  return { child, ready };
}

const marker = "demo.pid";

/**
 * .secretgrad/demo-XXXXXX here, or secretgrad-demo-XXXXXX in the temporary directory where this one is read-only. Removes what demos left that
 * were killed.
 */
async function freshDirectory(): Promise<string> {
  let home = join(process.cwd(), ".secretgrad");
  let prefix = "demo-";
  try {
    await mkdir(home, { recursive: true });
  } catch {
    home = tmpdir();
    // Others have directories here, too.
    prefix = "secretgrad-demo-";
  }
  for (const name of await readdir(home)) if (name.startsWith(prefix)) await removeIfDead(join(home, name));
  const directory = await mkdtemp(join(home, prefix));
  await writeFile(join(directory, marker), String(process.pid));
  return directory;
}

async function removeIfDead(directory: string): Promise<void> {
  try {
    const pid = Number(await readFile(join(directory, marker), "utf8"));
    if (pid > 0 && isAlive(pid)) return;
  } catch {
    return; // not one of ours, or one that ended well
  }
  await rm(directory, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
