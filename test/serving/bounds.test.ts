/** What strangers and stops cannot do to clients that are connected: idle sockets by the thousands, a party that is told to stop. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { Session } from "../../src/client/index.js";
import { connectModel, type Invitation, nn, UnavailableError } from "../../src/index.js";
import { encodeQuery } from "../../src/serving/wire.js";
import { failure } from "../party/helpers.js";
import { ServingCluster } from "./cluster.js";
import { fresh, Raw, split } from "./raw.js";

const serve = async (session: Session): Promise<Invitation> => {
  const weight = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const model = nn.sequential(nn.linear(3, 3, { bias: false })).loadStateDict({ "0.weight": weight });
  const policy = { clients: [{ name: "shop" }] };
  const { invitations } = await session.deploy("largest", model, { input: [3], policy, largestBatch: 2 });
  return invitations.get("shop")!;
};
const place = (invitation: Invitation, party: number): URL => {
  const given = invitation.parties[party]!;
  return new URL(typeof given === "string" ? given : given.url);
};

/** 10,000, or what is left of the files that this process may open, which holds both ends. */
function idleSockets(t: TestContext): number {
  const report = process.report.getReport() as unknown as { userLimits: { open_files: { soft: number | string } } };
  const { soft } = report.userLimits.open_files;
  const most = typeof soft === "number" ? Math.min(10_000, soft - 3000) : 10_000;
  if (most < 10_000) t.diagnostic(`${most} sockets, because this process may open ${soft} files`);
  return most;
}

test("10,000 idle sockets: who is connected is answered, and others still come in", async (t) => {
  const cluster = await ServingCluster.start({ serve: { limits: { patienceMs: 120_000 } } });
  const session = await cluster.connect();
  const invitation = await serve(session);
  const before = await connectModel(invitation);
  const { hostname, port } = place(invitation, 0);
  const idle: Socket[] = [];
  const wanted = idleSockets(t);
  while (idle.length < wanted) {
    // As many at a time as a listener's queue takes.
    const some = Array.from({ length: Math.min(250, wanted - idle.length) }, () => connect(Number(port), hostname));
    for (const socket of some) socket.on("error", () => {});
    await Promise.all(some.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
    idle.push(...some);
  }
  const open = () => idle.filter((socket) => socket.readyState === "open").length;
  // The others have been let go, or will have been when what the party did has come through.
  for (let wait = 0; wait < 1000 && open() > 1024; wait++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(open() > 0 && open() <= 1024, `${open()} are open`);
  assert.equal((await before.predict([3, 1, 2])).class, 0);
  const later = await connectModel(invitation);
  assert.equal((await later.predict([1, 2, 3])).class, 2);
  assert.equal((await before.predict([1, 3, 2])).class, 1);
  for (const socket of idle) socket.destroy();
  await Promise.all([before.close(), later.close()]);
  await session.close();
  await cluster.close();
});

test("a party that shuts down answers what it took, refuses what comes, and says that it is not ready", async () => {
  const cluster = await ServingCluster.start({ limits: { queryMs: 60_000, drainMs: 60_000 } });
  const session = await cluster.connect();
  const invitation = await serve(session);
  await session.close();
  const raws = await Raw.all(invitation);
  const model = await connectModel(invitation);
  const id = fresh();
  const parts = split([1, 5, 2]);
  const ask = (party: number) => raws[party]!.send(encodeQuery({ id, part: parts[party]! }));
  for (const party of [1, 2]) ask(party);
  while ((await metric(invitation, 2, "secretgrad_queries_waiting")) === 0);
  const closed = cluster.daemons[2]!.close();
  assert.equal((await page(invitation, 2, "/readyz")).status, 503);
  const refused = await failure(model.predict([1, 2, 3]));
  assert.ok(refused instanceof UnavailableError && refused.retryAfterMs > 0 && /shuts down/.test(refused.message));
  ask(0);
  assert.deepEqual(await Promise.all(raws.map((raw) => raw.end(id))), ["answer", "answer", "answer"]);
  await closed;
  for (const raw of raws) raw.socket.terminate();
  await model.close();
  await cluster.close();
});

test("a client that may ask once cannot take the room of others, however many parts it sends to one party", async () => {
  const cluster = await ServingCluster.start({ limits: { waitingQueries: 16, queryMs: 300_000 } });
  const session = await cluster.connect();
  const policy = { clients: [{ name: "mallory", queries: 1 }, { name: "victim" }] };
  const model = nn.sequential(nn.linear(3, 3));
  const { invitations } = await session.deploy("wanted", model, { input: [3], policy, largestBatch: 2 });
  const mallory = await Raw.open(invitations.get("mallory")!, 0);
  const [part] = split([1, 2, 3]);
  const ids = Array.from({ length: 40 }, fresh);
  for (const id of ids) mallory.send(encodeQuery({ id, part: part! }));
  // The first one waits for its other parts.
  for (const id of ids.slice(1)) assert.equal(await mallory.end(id), "busy");
  assert.equal(await denied(invitations.get("victim")!, 0, "wanted", "busy"), 39);
  const victim = await connectModel(invitations.get("victim")!);
  await victim.predict([1, 2, 3]);
  mallory.socket.terminate();
  await victim.close();
  await session.close();
  await cluster.close();
});

function page(invitation: Invitation, party: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(new URL(path, place(invitation, party)), { rejectUnauthorized: false }, (response) => {
      let body = "";
      response.on("data", (piece) => {
        body += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    }).on("error", reject);
  });
}
const denied = async (invitation: Invitation, party: number, model: string, reason: string): Promise<number> =>
  Number(
    new RegExp(`^secretgrad_queries_denied_total\\{model="${model}",reason="${reason}"\\} (\\d+)$`, "m").exec(
      (await page(invitation, party, "/metrics")).body,
    )?.[1],
  );
async function metric(invitation: Invitation, party: number, name: string): Promise<number> {
  const { body } = await page(invitation, party, "/metrics");
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(body)![1]);
}
