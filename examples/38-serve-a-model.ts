/**
 * A model that was trained in the clear is shared among three parties, which serve it to clients at the ports 4000, 4001 and 4002:
 * three answers, and no more. A client in a process of its own asks about images that only it sees; the model stays hidden
 * from the client, the images and the answers from the parties, and all of it from each other.
 */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, nn } from "secretgrad";
import { trainInTheClear } from "./support/clear-training.js";
import { startCluster } from "./support/cluster.js";
import { args } from "./support/protocol.js";

const cluster = await startCluster({ serve: args[0] ?? "4000" });
try {
  // The owner of the model, who has it in the clear, and three queries to give away.
  const model = nn.sequential(nn.linear(784, 10)).loadStateDict(await trainInTheClear());
  const session = await connect(cluster.file, { as: "driver", fraction: 16 });
  const policy = { reveal: "class", queries: 3, clients: [{ name: "reader" }] } as const;
  const { tokens } = await session.deploy("digits", model, { input: [784], policy });

  // What the client is told: where to ask, which keys to expect there, its token.
  const { parties } = JSON.parse(await readFile(cluster.file, "utf8"));
  const serving = parties.filter((party: { serve?: number }) => party.serve !== undefined);
  const invitation = join(cluster.directory, "reader.json");
  const places = serving.map(({ host, serve, pin }: Party) => ({ url: `https://${host}:${serve}`, pin }));
  await writeFile(invitation, JSON.stringify({ model: "digits", parties: places, token: tokens.get("reader") }));
  console.log(`Serving digits at ${places.map(({ url }: { url: string }) => new URL(url).port).join(", ")}`);

  await client(invitation);

  const [{ asked }] = (await session.deployments()) as [{ asked: number }];
  console.log(`Answered ${asked} queries; the parties count them on their disks.`);
  await session.withdraw("digits");
  console.log("Models served now:", (await session.deployments()).length);
  await session.close();
} finally {
  await cluster.stop();
}

interface Party {
  readonly host: string;
  readonly serve: number;
  readonly pin: string;
}

/** support/ask.ts in another process, which knows nothing but the invitation. */
function client(invitation: string): Promise<void> {
  const script = fileURLToPath(new URL("./support/ask.ts", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, invitation], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the client ended with ${code}`))));
  });
}
