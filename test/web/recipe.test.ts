/** The page that docs/browser.md has people write, as it is there, in Chromium: with parties on this machine, without TLS. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { importOnnx } from "../../src/models/index.js";
import { startForPages } from "../browser/helpers.js";
import { digits, fixture, images } from "../models/fixtures.js";
import { executablePath, missing, patient } from "./page.js";

/** 28 × 28 grey pixels as a bitmap of Windows, which browsers read, too: rows from below, three bytes a pixel. */
function picture(pixels: Float64Array): Buffer {
  const head = Buffer.alloc(54);
  head.write("BM");
  for (const [at, value] of [
    ...[[2, 54 + 3 * 784] as const, [10, 54] as const, [14, 40] as const, [18, 28] as const, [22, 28] as const],
    [34, 3 * 784] as const,
  ])
    head.writeUInt32LE(value, at);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  const body = Buffer.alloc(3 * 784);
  for (let i = 0; i < 784; i++) {
    const at = 3 * ((27 - Math.floor(i / 28)) * 28 + (i % 28));
    body.fill(Math.round(pixels[i]! * 255), at, at + 3);
  }
  return Buffer.concat([head, body]);
}

test("the local page of docs/browser.md reads a digit", { skip: missing ?? false }, async (t) => {
  const { bundleBrowser } = (await import(new URL("../../scripts/bundle-browser.mjs", import.meta.url).href)) as {
    bundleBrowser(): Promise<{ readonly code: string; readonly integrity: string }>;
  };
  const { code, integrity } = await bundleBrowser();
  const text = readFileSync(new URL("../../docs/browser.md", import.meta.url), "utf8");
  const [, html] = /^`page\/index\.html`:\n\n```html\n(.*?)^```$/ms.exec(text)!;
  assert.ok(html!.includes("sha384-…"));

  const cluster = await startForPages();
  t.after(() => cluster.close());
  const session = await cluster.connect();
  const deployed = await session.deploy("digits", importOnnx(fixture("digits-mlp.onnx")), {
    input: [784],
    policy: { clients: [{ name: "client" }] },
    largestBatch: 1,
  });
  await session.close();
  const invitation = deployed.invitations.get("client")!;
  // As the command writes it for any cluster.
  for (const party of invitation.parties)
    assert.ok(typeof party !== "string" && /^https:.*/.test(party.url) && party.pin);

  const server = createServer(({ url }, response) => {
    const script = url === "/secretgrad.js";
    response.writeHead(url === "/" || script ? 200 : 404, { "content-type": script ? "text/javascript" : "text/html" });
    response.end(script ? code : url === "/" ? html!.replace("sha384-…", integrity) : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  patient(page);
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  const file = (name: string, mimeType: string, buffer: Buffer) => ({ name, mimeType, buffer });
  await page.setInputFiles(
    "#invitation",
    file("digits.client.json", "application/json", Buffer.from(JSON.stringify(invitation))),
  );
  for (const [i, digit] of digits.entries()) {
    await page.setInputFiles(
      "#picture",
      file("digit.bmp", "image/bmp", picture(images().subarray(784 * i, 784 * (i + 1)))),
    );
    await page.click("button");
    await page.waitForFunction(
      (answer) => (document.querySelector("output")?.textContent ?? "") === answer,
      `It reads a ${digit}.`,
    );
  }
});
