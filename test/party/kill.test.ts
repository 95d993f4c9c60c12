import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { PeerLostError, SessionEndedError } from "../../src/errors.js";
import type { Identity } from "../../src/net/index.js";
import type { Cluster } from "../../src/party/index.js";
import { names } from "./helpers.js";
import { increase, init, show, word } from "./plans.js";
import { Clients, makeCluster } from "./tls-cluster.js";

const timeoutMs = 4000;

describe("three processes on disk, killed without warning", { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-kill-"));
  const children: ChildProcess[] = [];
  let cluster: Cluster;
  let identities: Map<string, Identity>;

  function begin(self: number): Promise<void> {
    const script = fileURLToPath(new URL("./daemon-child.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", script, directory, names[self]!], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children[self] = child;
    return new Promise((resolve, reject) => {
      child.stdout!.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`party ${names[self]} left with ${code}`)));
    });
  }
  async function end(self: number, signal: NodeJS.Signals): Promise<void> {
    const child = children[self]!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  before(async () => {
    ({ cluster, identities } = await makeCluster(timeoutMs));
    writeFileSync(join(directory, "cluster.json"), JSON.stringify(cluster));
    for (const name of names) writeFileSync(join(directory, `${name}.json`), JSON.stringify(identities.get(name)));
    await Promise.all(names.map((_, self) => begin(self)));
  });
  after(async () => {
    await Promise.all(names.map((_, self) => end(self, "SIGKILL")));
    rmSync(directory, { recursive: true });
  });

  it("fails at the others in time and by name, and goes on from what all hold", async () => {
    const driver = await new Clients(cluster, identities.get("driver")!).up();
    await driver.run(init([0]));
    const read = async () => Number((await driver.run(show(1))).words.get("w")![0]! / word(1));
    let durable = 0;
    let lastRun = 0;
    for (const [i, delay] of [3, 11, 24, 7, 31, 17].entries()) {
      const victim = i % 3;
      let stopped = 0;
      setTimeout(() => {
        stopped = performance.now();
        children[victim]!.kill("SIGKILL");
      }, delay);
      let attempted = await read().catch(() => durable);
      for (;;) {
        try {
          const checkpoint = attempted % 4 === 3;
          attempted++;
          const { run } = await driver.run(increase([1]), { checkpoint });
          assert.ok(run > lastRun, `${run} after ${lastRun}`);
          lastRun = run;
          if (checkpoint) durable = attempted;
        } catch (error) {
          assert.ok(error instanceof PeerLostError || error instanceof SessionEndedError, `${error}`);
          assert.match(error.message, new RegExp(names[victim]!));
          break;
        }
      }
      assert.ok(performance.now() - stopped < timeoutMs + 1000);
      await end(victim, "SIGKILL");
      await begin(victim);
      await driver.up();
      const lists = await driver.all("variable.list");
      const versions = lists.map(({ result }) => (result as { version: number }).version);
      assert.equal(new Set(versions).size, 1, versions.join());
      if (versions[0] === 0) {
        // Nothing had been made durable yet.
        assert.equal(durable, 0);
        await driver.run(init([0]), { checkpoint: true });
      }
      const now = await read();
      assert.ok(now >= durable && now <= attempted, `${durable} <= ${now} <= ${attempted}`);
    }
    // A shutdown in good order loses nothing.
    const last = await read();
    await end(1, "SIGTERM");
    await begin(1);
    await driver.up();
    assert.equal(await read(), last);
    driver.close();
  });
});
