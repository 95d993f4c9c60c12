/** Where a training runs: parties and owners in processes of their own over TLS, or everything in this one. Not the training. */
import { type ChildProcess, fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { owners, protocols, startDemoCluster } from "../../cli/demo/cluster.js";
import { type ClearTwin, connect, local, type RunReport, type Session } from "../../src/index.js";
import { chooseProtocol, type ProtocolName } from "../../src/protocol/index.js";
import type { OwnerOrder } from "./owner.js";
import { type Shared, type Size, shareOptions, type Task } from "./task.js";

export interface Place {
  readonly session: Session;
  close(): Promise<void>;
}
export interface PlaceOptions {
  /** rep3, additive; in this process also plain. */
  readonly protocol: string;
  readonly transport: "tls" | "memory";
  readonly twin?: ClearTwin;
  readonly onRun: (report: RunReport) => void;
}

export async function open(task: Task, size: Size, options: PlaceOptions): Promise<Place> {
  const shared = (await task.shared(size)) as readonly Shared[];
  for (const { name, rows } of shared) await options.twin?.know(name, rows);
  return options.transport === "tls" ? inProcesses(task, size, shared, options) : inHere(shared, options);
}

async function inHere(shared: readonly Shared[], { protocol, twin, onRun }: PlaceOptions): Promise<Place> {
  const choice = protocol === "additive" ? protocols.additive : (protocol as ProtocolName);
  const session = await local({ protocol: choice, insecure: true, quiet: true, onRun, ...(twin ? { twin } : {}) });
  for (const each of shared) await session.share(each.name, each.rows, shareOptions(each));
  return { session, close: () => session.close() };
}

async function inProcesses(
  task: Task,
  size: Size,
  shared: readonly Shared[],
  { protocol, twin, onRun }: PlaceOptions,
): Promise<Place> {
  const cluster = await startDemoCluster(chooseProtocol(protocols[protocol as keyof typeof protocols]));
  const children: ChildProcess[] = [];
  let session: Session | undefined;
  const close = async () => {
    try {
      await session?.close();
    } finally {
      for (const child of children) child.disconnect();
      await cluster.stop();
      await rm(cluster.directory, { recursive: true, force: true });
    }
  };
  try {
    const minRows = size.rows === undefined ? task.minRows : 1;
    const busy = owners.filter((owner) => shared.some(({ name }) => name.startsWith(`${owner}/`)));
    await Promise.all(
      busy.map((owner) =>
        startOwner(children, { clusterFile: cluster.clusterFile, owner, task: task.name, size, minRows }),
      ),
    );
    session = await connect(cluster.clusterFile, { waitForGrantsMs: 60_000, onRun, ...(twin ? { twin } : {}) });
    return { session, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Resolves when the owner has shared everything. */
function startOwner(children: ChildProcess[], order: OwnerOrder): Promise<void> {
  const own = `./owner${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`;
  const child = fork(fileURLToPath(new URL(own, import.meta.url)), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) =>
      reject(new Error(`accuracy: expected ${order.owner} to share, but it ended with ${code}`)),
    );
    child.send(order);
  });
}
