/** Correlations dealt ahead: right results without a dealer, each segment once, and nothing opened with a wrong file. */
import assert from "node:assert/strict";
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { execute } from "../../src/engine/index.js";
import { DealtMissingError, InputError, PolicyError, StorageError } from "../../src/errors.js";
import { constant, matmul, relu } from "../../src/ops/build.js";
import { decodeHead, encodeSegment } from "../../src/party/dealt/format.js";
import { deal, memoryStores } from "../../src/party/index.js";
import { Ledger } from "../../src/party/ledger.js";
import { planCost, Recorder } from "../../src/plan/index.js";
import { protocolNamed } from "../../src/protocol/index.js";
import { alice, driver, failure, hex, names, type Options, TestCluster } from "./helpers.js";
import { assign, batch, double, fraction, init, input, open, plan, show, squareUp, variable, word } from "./plans.js";

const root = mkdtempSync(join(tmpdir(), "secretgrad-dealt-"));
after(() => rmSync(root, { recursive: true }));
let directories = 0;
const fresh = () => join(root, String(directories++));

/** A step with a bit of everything: w += lr x, in a form that is looked at again; y = relu(w) x; a row product. */
const step = plan((b) => {
  const shift = (product: ReturnType<typeof relu>, by = fraction) => b.node("truncate", [product], { shift: by });
  const [x, w] = [input(b, "x", 2), variable(b, "w", 2)];
  const scaled = b.node("mul", [x, b.node("scalar", [], { slot: "lr", exponent: 0 })]);
  const next = b.node("add", [w, scaled]);
  assign(b, "w", next);
  assign(b, "copy", next);
  open(b, "y", shift(b.node("mul", [relu(b, next), x])));
  const square = b.node("mul", [scaled, scaled]);
  open(b, "square", shift(square));
  const coins = b.node("bernoulli", [], { shape: [2], keep: 32_768, index: 0 });
  open(b, "kept", shift(b.node("mul", [square, coins])));
  const rows = batch(b, "alice/x", 2, 2, { shuffle: true });
  open(b, "gram", shift(matmul(b, rows, b.node("transpose", [rows], { axes: [1, 0] }))));
});
const scalars = { lr: 3, epoch: 0, position: 0 };

const dealt = async (name: string, steps: number, options: Partial<Parameters<typeof deal>[0]> = {}) => {
  const definition = protocolNamed(name);
  const directory = fresh();
  await deal({
    ...{ plan: step, definition, names: names.slice(0, definition.parties), steps, scalars: { lr: 3 } },
    ...{ version: "test", directory },
    ...options,
  });
  return directory;
};

async function cluster(name: string, paths: string | ((self: number) => string[]), options: Options = {}) {
  const dealtAt = typeof paths === "string" ? () => [paths] : paths;
  const each = new TestCluster((self) => ({ dealt: dealtAt(self), ...options }), undefined, protocolNamed(name));
  return each.connect();
}

async function prepared(each: TestCluster): Promise<TestCluster> {
  await each.share(alice, "alice/x", [
    [1, 2],
    [3, -4],
  ]);
  await again(each);
  await each.run(init([1, -1]), { checkpoint: true });
  await each.grant(alice, step, { times: 1000 });
  return each;
}
/** Sends the plans again: parties forget them at a restart. */
async function again(each: TestCluster): Promise<void> {
  for (const one of [init([1, -1]), step, show(2)]) await each.put(one);
}
const run = (each: TestCluster, x = [word(1), word(2)]) => each.run(step, { inputs: { x }, scalars });
/** Counts what goes to peers in runs from now on. */
function exchanges(each: TestCluster): () => number {
  let count = 0;
  for (const mesh of each.meshes) {
    const { exchange } = mesh;
    mesh.exchange = (...args) => {
      count++;
      exchange.apply(mesh, args);
    };
  }
  return () => count;
}
const left = async (each: TestCluster, party = 0): Promise<number[]> => {
  const { result } = await each.call(party, alice, "status");
  return (result as { dealt: { left: number }[] }).dealt.map((file) => file.left);
};

const close = (got: bigint[] | undefined, wanted: number[]) => {
  assert.equal(got?.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(
      Math.abs(Number(got![i]! - word(value))) <= 64,
      `${got!.map((w) => Number(w) / 2 ** fraction)}: ${wanted}`,
    );
};

for (const name of ["additive-2-dealt", "additive-2-fss-dealt", "additive-3-dealt"])
  describe(`${name}`, () => {
    it("computes what it computes with the dealer there, until all is used", async () => {
      const directory = await dealt(name, 3);
      const each = await prepared(await cluster(name, directory));
      const w = [1, -1];
      for (let i = 0; i < 3; i++) {
        const x = [i - 1, 0.5];
        const { words, answers } = await run(each, x.map(word));
        // Masks live for one run, so that every run costs what the plan says.
        const { bytes } = planCost(step, each.definition);
        assert.deepEqual(
          answers.map(({ result }) => (result as { stats: { bytes: number } }).stats.bytes),
          bytes,
        );
        assert.deepEqual(bytes, planCost(step, each.definition.live!).bytes.slice(0, -1));
        for (const j of [0, 1]) w[j]! += 3 * x[j]!;
        close(words.get("y"), [Math.max(w[0]!, 0) * x[0]!, Math.max(w[1]!, 0) * x[1]!]);
        close(
          words.get("square"),
          x.map((value) => 9 * value * value),
        );
        const square = words.get("square")!;
        words.get("kept")!.forEach((kept, j) => {
          assert.ok(Math.abs(Number(kept)) <= 1 || Math.abs(Number(kept - square[j]!)) <= 1, "dropped, or as it is");
        });
        const gram = words.get("gram")!.map((value) => Math.round(Number(value) / 2 ** fraction));
        assert.deepEqual(
          [...gram].sort((a, b) => a - b),
          [-5, -5, 5, 25],
        );
        assert.deepEqual(await left(each), [2 - i]);
      }
      const { words } = await each.run(show(2));
      close(words.get("w"), w);
      const opened = exchanges(each);
      for (const again of [1, 2]) {
        const error = await failure(run(each));
        assert.ok(error instanceof DealtMissingError, `${error} ${again}`);
        assert.match(
          error.message,
          /expected correlations that were never used, got 3 used ones; try `secretgrad deal`/,
        );
      }
      assert.equal(opened(), 0, "something was opened");
      // What needs nothing dealt goes on.
      assert.equal((await each.run(show(2))).words.size, 1);
      await each.close();
    });
  });

for (const name of ["additive-2-dealt", "additive-2-fss-dealt", "additive-3-dealt"])
  it(`${name}: a plan over words of 32 bits takes what was dealt for it`, async () => {
    const precision = { fraction: 10, integerBits: 8 };
    const at = (values: readonly number[]) => values.map((value) => BigInt(value * 2 ** precision.fraction));
    const record = (what: (b: Recorder) => void) => {
      const recorder = new Recorder(precision);
      what(recorder);
      return recorder.close();
    };
    const form = { shape: [2, 2], scale: 10, bound: 18 };
    const weights = [1, -2, 0.5, 3];
    const start = record((b) => assign(b, "v", b.node("secret", [constant(b, weights, [2, 2], 10)])));
    const answer = record((b) => {
      const product = matmul(
        b,
        b.node("input", [], { slot: "x", ...form }),
        b.node("variable", [], { name: "v", ...form }),
      );
      open(b, "y", relu(b, b.node("truncate", [product], { shift: 10 })));
    });
    assert.deepEqual([start.env.wordBits, answer.env.wordBits], [64, 32]);
    const each = await cluster(name, await dealt(name, 3, { plan: answer, scalars: {} }));
    for (const one of [start, answer]) await each.put(one);
    await each.run(start);
    for (const factor of [1, -1, 4]) {
      const x = [1, 2, 0, -1].map((value) => value * factor);
      const { words, answers } = await each.run(answer, { inputs: { x: at(x) } });
      const wanted = [2, 4, -0.5, -3].map((value) => Math.max(value * factor, 0) * 2 ** precision.fraction);
      for (const [i, value] of wanted.entries())
        assert.ok(Math.abs(Number(words.get("y")![i]) - value) <= 2, `${words.get("y")}: ${wanted}`);
      assert.deepEqual(
        answers.map(({ result }) => (result as { stats: { bytes: number } }).stats.bytes),
        planCost(answer, each.definition).bytes,
      );
    }
    assert.deepEqual(await left(each), [0]);
    assert.ok((await failure(each.run(answer, { inputs: { x: at(weights) } }))) instanceof DealtMissingError);
    await each.close();
  });

const two = "additive-2-dealt";

describe("segments", () => {
  /** Remembers which segments each party has run. */
  const recorded = () => {
    const used: number[][] = [[], []];
    const spy: typeof execute = (program, options) => {
      if (program.plan.digest === step.digest) used[options.mesh.self]!.push(options.run);
      return execute(program, options);
    };
    return { used, spy };
  };

  it("are used once by two drivers at once", async () => {
    const square = plan((b) => {
      const x = input(b, "x", 2);
      open(b, "y", b.node("truncate", [b.node("mul", [x, x])], { shift: fraction }), ["driver", "driver2"]);
    });
    const used: number[][] = [[], []];
    const directory = await dealt(two, 12, { plan: square, scalars: {} });
    const each = await cluster(two, directory, {
      execute: (program, options) => {
        used[options.mesh.self]!.push(options.run);
        return execute(program, options);
      },
    });
    await each.put(square);
    const callers = [driver, { name: "driver2", role: "driver" } as const];
    const runs = [0, 1, 2, 3].flatMap((i) =>
      callers.map((caller, j) => each.run(square, { caller, inputs: { x: [word(i), word(j)] } })),
    );
    for (const [i, { words }] of (await Promise.all(runs)).entries())
      close(words.get("y"), [Math.floor(i / 2) ** 2, i % 2]);
    assert.deepEqual(used, [
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ]);
    assert.deepEqual(await left(each), [4]);
    await each.close();
  });

  it("are used by one process only: another that has the same files is refused before it opens anything", async () => {
    const directory = await dealt(two, 4);
    const [one, other] = [await prepared(await cluster(two, directory)), await prepared(await cluster(two, directory))];
    await run(one);
    const opened = exchanges(other);
    const error = await failure(run(other));
    assert.ok(error instanceof StorageError, `${error}`);
    assert.match(error.message, /\.deal\.used: expected an account that only this process writes, got another/);
    assert.equal(opened(), 0, "something was opened");
    await run(one);
    await Promise.all([one.close(), other.close()]);
  });

  it("are never used again after a crash between use and acknowledgement, whoever crashes", async () => {
    const directory = await dealt(two, 20);
    const { used, spy } = recorded();
    let victim: number | undefined;
    const each: TestCluster = await cluster(two, directory, {
      execute: (program, options) => {
        const running = spy(program, options);
        if (program.plan.digest !== step.digest || options.mesh.self !== victim) return running;
        // All parties have marked the segment; nobody has acknowledged the run.
        each.meshes[victim]!.end(new Error("killed"));
        return running;
      },
    });
    await prepared(each);
    for (const who of [0, 1, 0, 1]) {
      await run(each);
      victim = who;
      await failure(run(each));
      victim = undefined;
      await each.kill(who);
      await each.connect();
      await again(each);
    }
    await run(each);
    for (const segments of used) assert.equal(new Set(segments).size, segments.length, segments.join());
    // A run that ended early may not have begun at both.
    assert.deepEqual(new Set(used.flat()), new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]));
    assert.deepEqual(await left(each), [11]);
    await each.close();
  });

  it("are lost with a run that a party refuses, and not reused", async () => {
    const directory = await dealt(two, 4);
    const { used, spy } = recorded();
    const each = await prepared(await cluster(two, directory, { execute: spy }));
    const { grants } = each.stores[1]!;
    const append = grants.append.bind(grants);
    grants.append = () => {
      throw new StorageError("grants: expected to append, got ENOSPC");
    };
    assert.match((await failure(run(each))).message, /ENOSPC/);
    grants.append = append;
    await run(each);
    assert.deepEqual(used, [[1], [1]]);
    assert.deepEqual([await left(each), await left(each, 1)], [[2], [2]]);
    await each.close();
  });

  it("stay used when the files are put back, the data directory is, or both at one party", async () => {
    const directory = await dealt(two, 10);
    const pristine = fresh();
    cpSync(directory, pristine, { recursive: true });
    const { used, spy } = recorded();
    const each = await prepared(await cluster(two, directory, { execute: spy }));
    await run(each);
    await run(each);
    const restart = async (change: () => void) => {
      for (const party of each.parties) await party.close();
      change();
      for (const self of [0, 1]) each.revive(self);
      await each.connect();
      await again(each);
    };
    await restart(() => cpSync(pristine, directory, { recursive: true }));
    await run(each);
    assert.deepEqual(used[0], [0, 1, 2]);
    // A new ledger, as after the loss of a disk: the account beside the file counts.
    const ledgerOf = (self: number) => {
      each.stores[self] = { ...each.stores[self]!, ledger: memoryStores().ledger };
    };
    await restart(() => [0, 1].forEach(ledgerOf));
    await run(each);
    assert.deepEqual(used[0], [0, 1, 2, 3]);
    // Both at party 0, which leads: the other refuses, and says where to go on.
    await restart(() => {
      ledgerOf(0);
      for (const file of ["p0.deal", "p0.deal.used"]) copyFileSync(join(pristine, file), join(directory, file));
    });
    const refused = await failure(run(each));
    assert.ok(refused instanceof PolicyError);
    assert.match(refused.message, /p1: .*expected segment 4 or a later one, which were never used here, got 0/);
    await run(each);
    assert.deepEqual(used[0], [0, 1, 2, 3, 4]);
    assert.deepEqual(used[1], used[0]);
    await each.close();
  });
});

describe("the ledger of what was used", () => {
  it("survives restarts, in few records", () => {
    const { ledger: journal } = memoryStores();
    for (let restart = 1; restart <= 3; restart++) {
      const ledger = new Ledger(journal);
      for (let i = 0; i < 1000; i++) {
        const next = ledger.dealtNext("a".repeat(32)) + 1;
        ledger.useDealt("a".repeat(32), next);
        assert.equal(ledger.dealtNext("a".repeat(32)), next);
      }
      ledger.useDealt("b".repeat(32), 7);
      ledger.use(restart);
    }
    const last = new Ledger(journal);
    assert.deepEqual([last.dealtNext("a".repeat(32)), last.dealtNext("b".repeat(32))], [3000, 7]);
    assert.equal(last.nextRun, 1001);
    assert.ok(journal.length < 10, String(journal.length));
  });
});

describe("a file that does not fit", () => {
  const rejects = async (each: TestCluster, kind: new (text: string) => Error, message: RegExp) => {
    const opened = exchanges(each);
    const error = await failure(run(each));
    assert.ok(error instanceof kind, `${error}`);
    assert.match(error.message, message);
    assert.equal(opened(), 0, "something was opened");
    await each.close();
  };
  const opens = (paths: string[], kind: new (text: string) => Error, message: RegExp, name = two) => {
    assert.throws(
      () => new TestCluster((self) => (self === 1 ? { dealt: paths } : {}), undefined, protocolNamed(name)),
      (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.match(error.message, message);
        return true;
      },
    );
  };
  const at = (directory: string, self: number) => join(directory, `p${self}.deal`);

  it("is missing: the refusal says how to make it", async () => {
    await rejects(
      await prepared(await cluster(two, () => [])),
      DealtMissingError,
      /expected correlations for it with lr=3, got none; try `secretgrad plan [0-9a-f]{12} --save FILE`, then `secretgrad deal FILE --scalars lr=3 --steps N --out DIR`/,
    );
  });

  it("is for another plan, or another learning rate", async () => {
    const other = await dealt(two, 2, { plan: squareUp(2), scalars: {} });
    await rejects(
      await prepared(await cluster(two, other)),
      DealtMissingError,
      /expected correlations for it with lr=3, got none/,
    );
    const faster = await dealt(two, 2, { scalars: { lr: 4 } });
    await rejects(await prepared(await cluster(two, faster)), DealtMissingError, /with lr=3, got some for lr=4/);
  });

  it("comes later: it is found without a restart", async () => {
    const directory = fresh();
    cpSync(await dealt(two, 2, { plan: squareUp(2), scalars: {} }), join(directory, "square"), { recursive: true });
    const each = await prepared(await cluster(two, directory));
    assert.ok((await failure(run(each))) instanceof DealtMissingError);
    cpSync(await dealt(two, 2), join(directory, "step"), { recursive: true });
    await run(each);
    await each.close();
  });

  it("is of another party, another cluster, another release, or no such file", async () => {
    const directory = await dealt(two, 2);
    opens([at(directory, 0)], InputError, /expected correlations for party p1, got some for p0/);
    const three = await dealt("additive-3-dealt", 2);
    opens([at(three, 1)], InputError, /expected correlations for parties p0,p1, got some for p0,p1,p2/);
    opens([at(await dealt("additive-2-fss-dealt", 2), 1)], InputError, /for protocol additive-2-dealt, got .*fss/);
    opens([at(await dealt(two, 2, { version: "other" }), 1)], InputError, /for release test, got some for other/);
    opens(
      [join(directory, "none.deal")],
      InputError,
      /expected a file or directory at .*none\.deal, got none; try --dealt/,
    );
    const copy = fresh();
    cpSync(directory, join(copy, "a"), { recursive: true });
    cpSync(directory, join(copy, "b"), { recursive: true });
    opens([copy], InputError, /expected each file once, got the same one twice/);
  });

  it("is of another deal than the peers'", async () => {
    const [mine, theirs] = [await dealt(two, 2), await dealt(two, 2)];
    const each = await prepared(await cluster(two, (self) => [self === 0 ? mine : theirs]));
    await rejects(each, InputError, /p1: .*expected the files of one deal at all parties, got other ones here/);
  });

  it("is short, longer, tampered with, or without its account", async () => {
    const change = async (name: string, how: (path: string) => void, file = "p1.deal") => {
      const directory = await dealt(name, 2);
      how(join(directory, file));
      return [join(directory, "p1.deal")];
    };
    const flip = (offset: number) => (path: string) => {
      const bytes = readFileSync(path);
      bytes[offset < 0 ? bytes.length + offset : offset]! ^= 1;
      writeFileSync(path, bytes);
    };
    const cut = (path: string) => truncateSync(path, statSync(path).size - 1);
    opens(await change(two, cut), StorageError, /p1\.deal: expected correlations as .*, got \d+ bytes instead of \d+/);
    opens(await change(two, (path) => truncateSync(path, 20)), StorageError, /a file that ends in its header/);
    opens(await change(two, (path) => writeFileSync(path, "")), StorageError, /another kind of file/);
    opens(await change(two, (path) => writeFileSync(path, "x", { flag: "a" })), StorageError, /instead of/);
    opens(await change(two, flip(0)), StorageError, /another kind of file/);
    opens(await change(two, flip(30)), StorageError, /a header that fails its digest/);
    opens(
      await change(two, rmSync, "p1.deal.used"),
      StorageError,
      /p1\.deal\.used: expected the account .* got ENOENT/,
    );
    opens(await change(two, flip(20), "p1.deal.used"), StorageError, /expected the account of these .* that of other/);

    // The last segment at the last party: nothing is opened, and the first one was fine.
    const directory = await dealt(two, 2);
    flip(-1)(at(directory, 1));
    const each = await prepared(await cluster(two, directory));
    const opened = exchanges(each);
    await run(each);
    assert.ok(opened() > 0, "this is how it shows that something is opened");
    await rejects(each, StorageError, /p1: .*p1\.deal: .*got segment 1 failing its digest/);
  });

  it("was made by a dealer who has run something else: the run ends, and nothing is revealed", async () => {
    const directory = await dealt(two, 2);
    const bytes = readFileSync(at(directory, 1));
    const { header, digest } = decodeHead(bytes.subarray(0, 12 + bytes.readUInt32LE(8) + 32), "test");
    const start = 12 + bytes.readUInt32LE(8) + 32;
    for (let number = 0; number < 2; number++) {
      const from = start + number * (40 + header.bodyBytes);
      const body = Buffer.from(bytes.subarray(from + 40, from + 40 + header.bodyBytes));
      body.writeUInt32LE(7, 0); // the first frame's round
      Buffer.concat(encodeSegment(digest, number, body)).copy(bytes, from);
    }
    writeFileSync(at(directory, 1), bytes);
    const each = await prepared(await cluster(two, directory));
    const bodies = each.bodies(step, { x: [word(1), word(2)] });
    const params = { request: hex(), digest: step.digest, scalars };
    const calls = [0, 1].map((party) => each.call(party, driver, "run", params, bodies[party]));
    const reasons = (await Promise.allSettled(calls)).map((call) => String(call.status === "rejected" && call.reason));
    assert.match(reasons[0]!, /^SessionEndedError.*p1|^PeerLostError.*p1/);
    assert.match(reasons[1]!, /p1\.deal, segment 0: expected \d+ bytes for round 0, got .*round 7/);
    await Promise.all(each.meshes.map((mesh) => mesh.ended));
    await each.connect();
    assert.deepEqual(await left(each), [1]);
    await each.close();
  });

  it("has an account that a crash has cut short, which counts, or that somebody has changed, which does not pass", async () => {
    const directory = await dealt(two, 10);
    const each = await prepared(await cluster(two, directory));
    await run(each);
    for (const party of each.parties) await party.close();
    const account = `${at(directory, 1)}.used`;
    const whole = readFileSync(account);
    writeFileSync(account, Buffer.concat([whole, Buffer.from([1, 2, 3])]));
    each.revive(1);
    assert.deepEqual(await left(each, 1), [8]);
    await each.parties[1]!.close();
    const changed = readFileSync(account);
    changed[changed.length - 20]! ^= 1;
    writeFileSync(account, changed);
    opens([at(directory, 1)], StorageError, /expected the account of these correlations, got a record that is none/);
  });
});

describe("deal", () => {
  const options = { definition: protocolNamed(two), names: ["p0", "p1"], steps: 1, version: "test" };
  const refused = (more: object) =>
    failure(deal({ ...options, plan: step, scalars: { lr: 3 }, directory: fresh(), ...more }));

  it("refuses what it cannot deal for", async () => {
    assert.match((await refused({ definition: protocolNamed("additive-2") })).message, /try additive-2-dealt/);
    assert.match((await refused({ definition: protocolNamed("rep3") })).message, /expected a protocol whose dealer/);
    assert.match((await refused({ names: ["p0"] })).message, /expected 2 parties/);
    assert.match((await refused({ steps: 0 })).message, /expected 1 to 2\^32 steps/);
    assert.match((await refused({ scalars: {} })).message, /mantissas of its numbers lr, got none/);
    assert.match((await refused({ scalars: { lr: 4096 } })).message, /mantissas of its numbers lr/);
    assert.match((await refused({ scalars: { lr: 3, mu: 1 } })).message, /mantissas of its numbers lr, got lr,mu/);
    assert.match((await refused({ plan: double(1), scalars: {} })).message, /got one that does not; try running it/);
    const directory = await dealt(two, 1);
    assert.match((await refused({ directory })).message, /p0\.deal, got one that exists/);
  });

  it("makes files that only their owner can read, of which no two agree", async () => {
    const directories = [await dealt("additive-3-dealt", 2), await dealt("additive-3-dealt", 2)];
    const files = directories.flatMap((directory) => names.map((name) => join(directory, `${name}.deal`)));
    for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600);
    const keys = files.map((file) => /"key":"([^"]+)"/.exec(readFileSync(file, "latin1"))![1]);
    assert.equal(new Set(keys).size, 6);
    // The last party gets the corrections; the others' files hold a key and no more.
    const sizes = files.map((file) => statSync(file).size);
    assert.ok(sizes[0]! < 1000 && sizes[1]! < 1000 && sizes[2]! > 1000, sizes.join());
    const body = (file: string) => readFileSync(file).subarray(-64).toString("hex");
    assert.notEqual(body(files[2]!), body(files[5]!));
  });
});
