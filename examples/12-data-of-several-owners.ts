/**
 * Two owners load files of their own from processes of their own; parties keep only encrypted shares on their disks.
 * Then a driver computes with both, and learns what both have agreed to.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "secretgrad";
import { startCluster } from "./support/cluster.js";

const cluster = await startCluster();
try {
  await writeFile(join(cluster.directory, "alice.csv"), "1\n2\n3\n");
  await writeFile(join(cluster.directory, "bob.csv"), "4\n5\n6\n");
  await cluster.run("share", "alice.csv", "--as", "alice/numbers");
  await cluster.run("share", "bob.csv", "--as", "bob/numbers");

  console.log("The plaintext is in", await filesWith(plainWords([1, 2, 3])), "of the parties' files.");

  // Both owners wait for plans and agree to results that go to the driver.
  for (const owner of ["alice", "bob"])
    await cluster.background(/Watching/, "grant", "--watch", "--release", "open", "--to", "driver", "--user", owner);

  const session = await connect(cluster.file, { as: "driver", waitForGrantsMs: 10_000 });
  const sum = session.dataset("alice/numbers").all().add(session.dataset("bob/numbers").all());
  console.log("Sum:", await sum.reshape(-1).reveal());
  await session.close();
} finally {
  await cluster.stop();
}

/** The numbers as a party would store them if it stored plaintext: fixed point, 20 fraction bits. */
function plainWords(numbers: readonly number[]): Buffer {
  return Buffer.from(BigInt64Array.from(numbers, (value) => BigInt(value * 2 ** 20)).buffer);
}

/** How many files of the parties contain these bytes. */
async function filesWith(bytes: Buffer): Promise<string> {
  const data = join(cluster.directory, "data");
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((file) => readFile(file)));
  return `${contents.filter((content) => content.includes(bytes)).length} of ${files.length}`;
}
