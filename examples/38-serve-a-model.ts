/**
 * A model that was trained in Keras, from its HDF5 file, is shared among three parties, which serve it to clients at the ports 4000,
 * 4001 and 4002: three answers, and no more. A client in a process of its own asks about images that only it sees; the model stays
 * hidden from the client, the images and the answers from the parties, and all of it from each other.
 */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type PolicyOptions } from "secretgrad";
import { importKeras } from "secretgrad/models";
import { startCluster } from "./support/cluster.js";
import { args } from "./support/protocol.js";

const cluster = await startCluster({ serve: args[0] ?? "4000" });
try {
  // The owner of the model, who has it in the clear, and three queries to give away.
  const model = importKeras(await readFile(new URL("../test/fixtures/models/keras2-digits.h5", import.meta.url)));
  const session = await connect(cluster.file, { as: "driver", fraction: 16 });
  const policy: PolicyOptions = { reveal: "class", queries: 3, clients: [{ name: "reader" }] };
  const { invitations } = await session.deploy("digits", model, { input: [28, 28, 1], policy });

  // What the client is told: where to ask, which keys to expect there, its own token.
  const invitation = invitations.get("reader")!;
  const ports = invitation.parties.map((party) => new URL(typeof party === "string" ? party : party.url).port);
  console.log(`Serving digits at ${ports.join(", ")}`);
  const file = join(cluster.directory, "reader.json");
  await writeFile(file, JSON.stringify(invitation), { mode: 0o600 });

  await client(file);

  const [digits] = await session.deployments();
  console.log(`Answered ${digits?.asked} queries; the parties count them on their disks.`);
  await session.withdraw("digits");
  console.log("Models served now:", (await session.deployments()).length);
  await session.close();
} finally {
  await cluster.stop();
}

/** support/ask.ts in another process, which knows nothing but the invitation. */
function client(invitation: string): Promise<void> {
  const script = fileURLToPath(new URL("./support/ask.ts", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, invitation], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the client ended with ${code}`))));
  });
}
