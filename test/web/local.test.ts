/** The two files that pages load, in Chromium: parties and kernels inside a page, and the client pinned by its hash. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { nn } from "../../src/index.js";
import * as inNode from "../../src/page/index.js";
import { ServingCluster } from "../serving/cluster.js";
import { executablePath, missing, patient } from "./page.js";

const skip = missing ?? false;
interface Bundler {
  bundleBrowser(): Promise<{ readonly code: string; readonly integrity: string }>;
  bundleLocal(): Promise<{ readonly code: string; readonly integrity: string }>;
}

let browser: Browser;
let site: Awaited<ReturnType<typeof serve>>;
before(async () => {
  if (missing) return;
  browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  site = await serve();
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** Pages of nothing but an import map with hashes, under the policy that docs/browser.md names. */
async function serve() {
  const { bundleBrowser, bundleLocal } = (await import(
    new URL("../../scripts/bundle-browser.mjs", import.meta.url).href
  )) as Bundler;
  const [client, local] = [await bundleBrowser(), await bundleLocal()];
  const map = (integrity: string) =>
    JSON.stringify({
      imports: { "secretgrad/browser": "/secretgrad.js", "secretgrad/browser/local": "/local.js" },
      integrity: { "/secretgrad.js": integrity, "/local.js": local.integrity },
    });
  const maps = [map(client.integrity), map(local.integrity)];
  const [honest, tampered] = maps.map((text) => `<!doctype html><script type="importmap">${text}</script>`);
  const hashes = maps.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' ${hashes}; connect-src wss:`;
  const files: Readonly<Record<string, readonly [string, string]>> = {
    "/": ["text/html", honest!],
    "/tampered": ["text/html", tampered!],
    "/secretgrad.js": ["text/javascript", client.code],
    "/local.js": ["text/javascript", local.code],
  };
  const server = createServer((request, response) => {
    const file = files[request.url!];
    response.writeHead(file ? 200 : 204, {
      "content-type": `${file?.[0] ?? "text/plain"}; charset=utf-8`,
      "content-security-policy": policy,
    });
    response.end(file?.[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function open(path = "/", trusting = false): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ ignoreHTTPSErrors: trusting });
  patient(page);
  await page.addInitScript("globalThis.__name = (made) => made");
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${site.url}/`) && !request.url().startsWith("wss:"))
      complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`${site.url}${path}`);
  return { page, complaints };
}

type Local = typeof inNode;
type Choice = "plain" | "rep3" | "additive-2";

/** A small training on rows of two owners, with fixed weights to begin with: its losses, and what went over the wire. */
async function training({ local, nn, optim, data }: Local, protocol: Choice) {
  const session = await local({ protocol, insecure: true, quiet: true });
  try {
    const rows = Array.from({ length: 32 }, (_, i) => [Math.sin(i), Math.cos(3 * i), (i % 5) / 5]);
    await session.share("alice/x", rows);
    await session.share(
      "bob/y",
      rows.map(([a, b, c]) => [a! - 2 * b! + c!]),
    );
    const model = nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 1));
    model.loadStateDict({
      "0.weight": [
        [0.5, -0.5, 0.25],
        [-0.25, 0.75, 0.5],
        [0.1, -0.6, -0.3],
        [0.6, 0.2, -0.1],
      ],
      "0.bias": [0.1, 0, -0.1, 0.2],
      "2.weight": [[0.5, -0.75, 0.6, 0.3]],
      "2.bias": [0],
    });
    const sgd = optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9 });
    const losses: number[] = [];
    for (let epoch = 0; epoch < 3; epoch++)
      for await (const batch of data.batches(
        { x: session.dataset("alice/x"), y: session.dataset("bob/y") },
        { size: 16, shuffle: false },
      )) {
        const loss = nn.mseLoss(model(batch.x), batch.y, { reduction: "batchMean" });
        sgd.minimize(loss);
        losses.push(await data.meanLoss(loss).reveal());
      }
    return losses;
  } finally {
    await session.close();
  }
}

for (const protocol of ["plain", "rep3", "additive-2"] as const)
  test(`${protocol}: local() trains in a page as it does in Node`, { skip }, async () => {
    const { page, complaints } = await open();
    // The program that Node runs below, as text.
    const losses = await page.evaluate<number[]>(
      `import("secretgrad/browser/local").then((secretgrad) => (${training})(secretgrad, "${protocol}"))`,
    );
    const expected = await training(inNode, protocol);
    assert.equal(losses.length, 6);
    losses.forEach((loss, i) => {
      assert.ok(Math.abs(loss - expected[i]!) < 1e-3, `${loss} and ${expected[i]}`);
    });
    assert.ok(losses.at(-1)! < losses[0]! / 2, losses.join(" "));
    assert.deepEqual(complaints, []);
    await page.close();
  });

test("errors in a page are those of Node, and files cannot be opened there", { skip }, async () => {
  const { page, complaints } = await open();
  const [shape, file, message] = await page.evaluate(async () => {
    const { local, ShapeError, InputError, data } = (await import("secretgrad/browser/local" as string)) as Local;
    const session = await local({ quiet: true });
    try {
      const a = session.secret([1, 2, 3]);
      const wrong = await Promise.resolve()
        .then(() => a.add(session.secret([1, 2])))
        .catch((error: unknown) => error);
      const opened = await data.openFile("/etc/hostname").catch((error: unknown) => error);
      return [wrong instanceof ShapeError, opened instanceof InputError, (opened as Error).message];
    } finally {
      await session.close();
    }
  });
  assert.deepEqual([shape, file], [true, true]);
  assert.match(String(message), /a page cannot open/);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the ring's kernels multiply words in a page", { skip }, async () => {
  const { page, complaints } = await open();
  const product = await page.evaluate(async () => {
    const { ring } = (await import("secretgrad/browser/local" as string)) as Local;
    const words = new ring.Ring();
    const scope = words.scope();
    const [a, b, c] = [scope.alloc(6), scope.alloc(6), scope.alloc(4)];
    words.i64(a).set([1n, -2n, 3n, 1n << 62n, 5n, -6n]);
    words.i64(b).set([7n, 8n, -9n, 10n, 11n, 12n]);
    words.kernels.matmul(c.ptr, a.ptr, b.ptr, 2, 3, 2, 0);
    return [
      ...Array.from(words.i64(c), String),
      typeof SharedArrayBuffer,
      words.kernels.memory.buffer.constructor.name,
    ];
  });
  const wrapped = (value: bigint) => String(BigInt.asIntN(64, value));
  const high = 1n << 62n;
  assert.deepEqual(product, [
    wrapped(7n + 18n + 33n),
    wrapped(8n - 20n + 36n),
    wrapped(high * 7n - 45n - 66n),
    wrapped(high * 8n + 50n - 72n),
    // Served without headers for isolation, so no memory can be shared.
    "undefined",
    "ArrayBuffer",
  ]);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the pinned client loads; another file in its place does not", { skip }, async () => {
  const load = (page: Page) =>
    page.evaluate(() =>
      import("secretgrad/browser" as string).then(
        (loaded) => Object.keys(loaded as object).includes("connectModel"),
        (error: unknown) => String(error),
      ),
    );
  const honest = await open();
  assert.equal(await load(honest.page), true);
  assert.deepEqual(honest.complaints, []);
  await honest.page.close();
  const { page, complaints } = await open("/tampered");
  assert.match(String(await load(page)), /TypeError/);
  assert.match(complaints.join("\n"), /integrity/);
  await page.close();
});

test("over TLS: the pinned client asks parties whose keys the browser accepts, and no others", { skip }, async () => {
  const cluster = await ServingCluster.start({ timeoutMs: 120_000 });
  try {
    const session = await cluster.connect();
    const model = nn.linear(2, 2);
    model.loadStateDict({
      weight: [
        [1, 2],
        [3, -4],
      ],
      bias: [0.5, 0],
    });
    const policy = { reveal: "scores", clients: [{ name: "page" }] } as const;
    const { invitations } = await session.deploy("m", model, { input: [2], policy, largestBatch: 1 });
    await session.close();
    const { token, parties, model: name } = invitations.get("page")!;
    const invitation = {
      token,
      model: name,
      parties: parties.map((party) => (typeof party === "string" ? party : party.url)),
    };
    for (const url of invitation.parties) assert.match(url, /^https:/);
    const asked = (page: Page) =>
      page.evaluate(async (given) => {
        const { connectModel } = (await import(
          "secretgrad/browser" as string
        )) as typeof import("../../src/browser/index.js");
        try {
          const served = await connectModel(given, { timeoutMs: 120_000 });
          const { scores } = await served.predict([1, -1]);
          await served.close();
          return [...scores!].map((score) => Math.round(1000 * score) / 1000);
        } catch (error) {
          return (error as Error).name;
        }
      }, invitation);
    const trusting = await open("/", true);
    assert.deepEqual(await asked(trusting.page), [-0.5, 7]);
    assert.deepEqual(trusting.complaints, []);
    await trusting.page.close();
    // The parties' own keys are none that an authority vouches for.
    const careful = await open();
    assert.equal(await asked(careful.page), "UnavailableError");
    await careful.page.close();
  } finally {
    await cluster.close();
  }
});
