/** The browser's client as one file: small, without Node, and the same whoever builds it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

interface Bundle {
  readonly code: string;
  readonly integrity: string;
  readonly licences: string;
}
interface Bundler {
  bundleBrowser(): Promise<Bundle>;
  bundleLocal(): Promise<Bundle>;
}
const bundler = (): Promise<Bundler> => import(new URL("../../scripts/bundle-browser.mjs", import.meta.url).href);

test("share, reconstruct and client take at most 20 kB, compressed", async () => {
  const { bundleBrowser } = await bundler();
  const { code, integrity } = await bundleBrowser();
  const bytes = gzipSync(code).length;
  assert.ok(bytes > 2_000 && bytes <= 20_000, `${bytes} bytes`);
  assert.doesNotMatch(code, /\bnode:|\brequire\(|\bBuffer\b|\bimport\s*[{(*"']/);
  assert.match(code, /export\s*\{/);
  assert.equal((await bundleBrowser()).integrity, integrity);
});

test("sessions inside a page are one file that names nothing of Node and brings its packages' licences", async () => {
  const { bundleLocal } = await bundler();
  const { code, integrity, licences } = await bundleLocal();
  const bytes = gzipSync(code).length;
  assert.ok(bytes > 100_000 && bytes <= 300_000, `${bytes} bytes`);
  assert.doesNotMatch(code, /["']node:|\brequire\(|^import\b/m);
  // Pages without headers for isolation have none; a second thread is Node's alone.
  assert.doesNotMatch(code, /SharedArrayBuffer|worker_threads/);
  assert.match(code, /export\s*\{/);
  assert.match(licences, /^## valibot/m);
  assert.equal((await bundleLocal()).integrity, integrity);
});
