/** Parties that compute large products on two threads: when they do, and that nothing else changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as build from "../../src/ops/build.js";
import { Daemon, memoryStores } from "../../src/party/index.js";
import { chooseThreads, ringFor } from "../../src/party/threads.js";
import { differentiate, Recorder } from "../../src/plan/index.js";
import { rep3 } from "../../src/protocol/index.js";
import { Ring } from "../../src/ring/index.js";
import { createSplitKernels } from "../../src/ring/threads/split.js";
import { driver, names, type RunResult, TestCluster } from "./helpers.js";
import { fraction, init, open, word } from "./plans.js";
import { Clients, makeCluster } from "./tls-cluster.js";

const [rows, width, outputs] = [128, 128, 64];

/** w := w - 0.5 d/dw mean((x w)^2), and reveals the new w. */
function step() {
  const b = new Recorder({ fraction });
  const x = b.node("input", [], { slot: "x", shape: [rows, width], scale: fraction, bound: fraction + 2 });
  const w = build.reshape(
    b,
    b.node("variable", [], { name: "w", shape: [width * outputs], scale: fraction, bound: fraction + 15 }),
    [width, outputs],
  );
  const loss = build.divPublic(b, build.sum(b, build.square(b, build.matmul(b, x, w))), rows * outputs);
  const [gradient] = differentiate(b, loss, [w]);
  const updated = build.share(b, build.sub(b, w, build.scaleBy(b, gradient!, 0.5)));
  const flat = build.reshape(b, updated, [width * outputs]);
  b.node("assign", [flat], { name: "w" });
  open(b, "w", flat);
  return b.close();
}
const x = Array.from({ length: rows * width }, (_, i) => word(Math.sin(i)));
const w = Array.from({ length: width * outputs }, (_, i) => Math.cos(i) / 4);

/** The same in float64. */
function expected(): number[] {
  const at = (i: number, p: number) => Math.sin(i * width + p);
  const y = Array.from({ length: rows * outputs }, (_, e) => {
    const [i, j] = [Math.floor(e / outputs), e % outputs];
    return sum(width, (p) => at(i, p) * w[p * outputs + j]!);
  });
  return w.map((value, e) => {
    const [p, j] = [Math.floor(e / outputs), e % outputs];
    return value - sum(rows, (i) => at(i, p) * y[i * outputs + j]!) / (rows * outputs);
  });
}
const sum = (n: number, term: (i: number) => number) =>
  Array.from({ length: n }, (_, i) => term(i)).reduce((a, b) => a + b);
const wanted = expected();
const apart = (list: readonly number[]) => Math.max(...list.map((value, i) => Math.abs(value - wanted[i]!)));
assert.ok(apart(w) > 0.002, "the step is large enough to be seen");

function sameStep(one: RunResult, two: RunResult): void {
  const stats = ({ answers }: RunResult) =>
    answers.map(({ result }) => {
      const { rounds, bytes } = (result as { stats: { rounds: number; bytes: number } }).stats;
      return { rounds, bytes };
    });
  assert.deepEqual(stats(two), stats(one));
  // Rounding is random, so not equal to the last bit.
  for (const { words } of [one, two])
    assert.ok(apart(words.get("w")!.map((word) => Number(word) / 2 ** fraction)) < 3e-4);
}

async function train(options: ConstructorParameters<typeof TestCluster>[0]): Promise<RunResult> {
  const cluster = await new TestCluster(options).connect();
  try {
    await cluster.run(await cluster.put(init(w)));
    return await cluster.run(await cluster.put(step()), { inputs: { x }, caller: driver });
  } finally {
    await cluster.close();
  }
}

test("a training step on two threads is one on one thread, in words, rounds and bytes", async () => {
  const split = names.map(() => createSplitKernels({ timeoutMs: 600_000 }));
  try {
    await Promise.all(split.map(({ helper }) => helper.started()));
    const one = await train({});
    // On a busy machine a helper may be too late for many products.
    const end = Date.now() + 300_000;
    while (split.some(({ helper }) => helper.merged === 0) && Date.now() < end)
      sameStep(one, await train((self) => ({ ring: new Ring({ kernels: split[self]!.kernels }) })));
    for (const { helper } of split) assert.ok(helper.merged > 0);
  } finally {
    await Promise.all(split.map(({ helper }) => helper.close()));
  }
});

test("daemons train on one and on two threads, and end with their helpers", { timeout: 300_000 }, async () => {
  const results: RunResult[] = [];
  for (const threads of [1, 2] as const) {
    const { cluster, identities } = await makeCluster(5000);
    const lines: unknown[] = [];
    const note = (message: string, facts: object = {}) => void lines.push({ message, ...facts });
    const log = { debug: note, info: note, warn: note, error: note };
    const daemons = names.map((name) => {
      const options = { identity: identities.get(name)!, definition: rep3, stores: memoryStores(), version: "test" };
      return new Daemon({ ...options, cluster, threads, log });
    });
    try {
      await Promise.all(daemons.map((daemon) => daemon.start()));
      const clients = await new Clients(cluster, identities.get("driver")!).up();
      await clients.run(init(w));
      results.push(await clients.run(step(), { inputs: { x } }));
      clients.close();
    } finally {
      await Promise.all(daemons.map((daemon) => daemon.close()));
    }
    const said = lines.filter((line) => (line as { message: string }).message === "threads");
    assert.equal(said.length, names.length);
    for (const line of said) assert.equal((line as { threads: number }).threads, threads);
    assert.ok(!lines.some((line) => (line as { message: string }).message === "no second thread"));
  }
  sameStep(results[0]!, results[1]!);
});

test("two threads where this machine has more cores than members of the cluster", () => {
  const at = (...hosts: string[]) => ({
    protocol: "rep3",
    parties: hosts.map((host, i) => ({ name: `p${i}`, host, port: 7000 + i, pin: "" })),
    users: [],
    timeoutMs: 1000,
  });
  const choice = (hosts: string[], self: number, cores: number, wanted: 1 | 2 | "auto" = "auto") =>
    chooseThreads(at(...hosts), self, wanted, cores, ["10.0.0.7", "fe80::1"]);
  const here = ["127.0.0.1", "127.0.0.1", "127.0.0.1"];
  assert.deepEqual(choice(here, 0, 2), { threads: 1, cores: 2, members: 3 });
  assert.deepEqual(choice(here, 0, 3).threads, 1);
  assert.deepEqual(choice(here, 0, 4).threads, 2);
  assert.deepEqual(choice(["a.example", "b.example", "c.example"], 1, 2), { threads: 2, cores: 2, members: 1 });
  assert.deepEqual(choice(["a.example", "b.example", "c.example"], 1, 1).threads, 1);
  // By another of this machine's addresses, and under the same name.
  assert.deepEqual(choice(["p0.example", "10.0.0.7", "p0.example"], 0, 4).members, 3);
  assert.deepEqual(choice(["p0.example", "localhost", "::1"], 2, 4).members, 2);
  assert.deepEqual(choice(here, 0, 2, 2).threads, 2);
  assert.deepEqual(choice(["a.example", "b.example", "c.example"], 1, 64, 1).threads, 1);
});

const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (options: object) => object } };
const { Memory } = WebAssembly;
const refuse = (): never => {
  throw new TypeError("refused, on purpose");
};
// What a platform may lack.
for (const [lacking, owner, key, value] of [
  ["shared memory", globalThis, "SharedArrayBuffer", undefined],
  [
    "shared memory for kernels",
    WebAssembly,
    "Memory",
    function memory(options: { shared?: boolean }) {
      return options.shared ? refuse() : new Memory(options);
    },
  ],
  ["threads that may wait", Atomics, "wait", refuse],
] as const)
  test(`without ${lacking} a party that was given two threads has one`, async () => {
    const lines: string[] = [];
    const note = (message: string) => void lines.push(message);
    const before = Object.getOwnPropertyDescriptor(owner, key)!;
    let made: ReturnType<typeof ringFor>;
    try {
      Object.defineProperty(owner, key, { ...before, value });
      made = ringFor({ threads: 2, cores: 2, members: 1 }, { debug: note, info: note, warn: note, error: note });
    } finally {
      Object.defineProperty(owner, key, before);
    }
    assert.deepEqual(lines, ["no second thread"]);
    const { ring, close } = made;
    assert.ok(ring.kernels.memory.buffer instanceof ArrayBuffer);
    const [m, k, n] = [110, 100, 100];
    const scope = ring.scope();
    const [a, b, c] = [m * k, k * n, m * n].map((words) => scope.alloc(words));
    ring.u64(a!).set(Array.from({ length: m * k }, (_, i) => BigInt(i)));
    ring.u64(b!).set(Array.from({ length: k * n }, (_, i) => (i % n === 0 ? 1n : 0n)));
    ring.kernels.matmul(c!.ptr, a!.ptr, b!.ptr, m, k, n, 0);
    // The last row's sum, in the first column.
    const last = BigInt(((2 * m - 1) * k - 1) * k) / 2n;
    assert.deepEqual([...ring.u64(c!).subarray((m - 1) * n, (m - 1) * n + 2)], [last, 0n]);
    await close();
  });
