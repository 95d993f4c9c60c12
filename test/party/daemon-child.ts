/** One party as a process of its own, for the tests that kill it: `daemon-child.ts DIRECTORY NAME`. Not a test. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../src/net/index.js";
import { Daemon, openStores, parseCluster } from "../../src/party/index.js";
import { rep3 } from "../../src/protocol/index.js";

const [directory, name] = process.argv.slice(2) as [string, string];
const read = (file: string) => readFileSync(join(directory, file), "utf8");
const cluster = parseCluster(read("cluster.json"));
const identity = JSON.parse(read(`${name}.json`)) as Identity;
const stores = openStores(join(directory, name), new Uint8Array(32).fill(7));
const daemon = new Daemon({ cluster, identity, definition: rep3, stores, version: "test" });
await daemon.start();
console.log("listening");
process.once("SIGTERM", () => void daemon.close().then(() => process.exit(0)));
