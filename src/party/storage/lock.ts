/**
 * One process per data directory: two daemons on one journal would use run numbers twice. Not a lock between threads,
 * and not safe on network file systems.
 *
 * Node has no flock, so the lock is a file that names its process; one of a dead process is taken over.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StorageError } from "../../errors.js";
import { secureRandom } from "../../random/index.js";
import { FILE_MODE } from "./durable.js";

/** Tokens of locks that this process holds: a lock with our own pid but none of these was left by a predecessor. */
const held = new Set<string>();

/** When a process started, in ticks since boot: a reused pid has another. Undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    // A zombie has exited and holds nothing.
    return fields[0] === "Z" || fields[0] === "X" ? "exited" : fields[19];
  } catch {
    return undefined;
  }
}

function isHeld(token: string): boolean {
  const [pidText, start] = token.split(" ");
  const pid = Number(pidText);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return held.has(token);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const running = startOf(pid);
  return running === undefined || start === "-" || running === start;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Locks `directory` until the returned function is called or this process ends. */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, "lock");
  const unique = Buffer.from(secureRandom(8)).toString("hex");
  const token = `${process.pid} ${startOf(process.pid) ?? "-"} ${unique}`;
  const mine = `${path}.${unique}`;
  writeFileSync(mine, token, { mode: FILE_MODE, flag: "wx" });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // A link appears with its contents, or fails if there is one already.
        linkSync(mine, path);
        held.add(token);
        return () => {
          if (held.delete(token) && read(path) === token) unlinkSync(path);
        };
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const other = read(path);
      if (other === undefined) continue;
      if (isHeld(other)) break;
      const stale = `${path}.stale.${unique}`;
      try {
        renameSync(path, stale);
      } catch {
        continue;
      }
      // Somebody may have taken the stale lock over between our look and our rename: give it back.
      if (read(stale) !== other) renameSync(stale, path);
      else unlinkSync(stale);
    }
  } finally {
    unlinkSync(mine);
  }
  throw new StorageError(
    `${directory}: expected to be the only process here, got a lock held by process ${read(path)?.split(" ")[0] ?? "?"}; try stopping it or another data directory`,
  );
}
