/** The browser's client as one file: small, without Node, and the same whoever builds it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

interface Bundler {
  bundleBrowser(): Promise<{ readonly code: string; readonly integrity: string }>;
}

test("share, reconstruct and client take at most 20 kB, compressed", async () => {
  const script = new URL("../../scripts/bundle-browser.mjs", import.meta.url).href;
  const { bundleBrowser } = (await import(script)) as Bundler;
  const { code, integrity } = await bundleBrowser();
  const bytes = gzipSync(code).length;
  assert.ok(bytes > 2_000 && bytes <= 20_000, `${bytes} bytes`);
  assert.doesNotMatch(code, /\bnode:|\brequire\(|\bBuffer\b|\bimport\s*[{(*"']/);
  assert.match(code, /export\s*\{/);
  assert.equal((await bundleBrowser()).integrity, integrity);
});
