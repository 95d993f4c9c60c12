/** A process that uses the storage until it is killed by crash.test.ts; no tests here. Says what it has done, line by line. */
import { writeSync } from "node:fs";
import * as v from "valibot";
import { CheckpointStore, DatasetStore, Journal, Vault } from "../../../src/party/storage/index.js";
import { CORRECTION, digestOf, fill, KEY, metaOf, pattern, SEEDS } from "./fixtures.js";

const [task, directory] = process.argv.slice(2) as [string, string];
/** Reaches the parent before anything else happens here. */
const say = (text: string): void => void writeSync(1, `${text}\n`);
const vault = new Vault(directory, KEY);

if (task === "hold") say("ready");
if (task === "datasets") {
  const store = new DatasetStore(vault);
  fill(store, "alice/published");
  await store.commit("alice/published", digestOf(metaOf("alice/published")));
  store.publish("alice/published");
  fill(store, "alice/prepared");
  await store.commit("alice/prepared", digestOf(metaOf("alice/prepared")));
  // Large enough that much of it is on the disk already.
  store.begin(metaOf("alice/half", { rows: 5000 }), "alice", SEEDS);
  for (let i = 0; i < 50; i++) store.append("alice/half", i * 5000, CORRECTION);
  say("ready");
}
if (task === "journal") {
  const journal = new Journal(vault, "runs", v.strictObject({ n: v.number() }));
  for (let n = 0; ; n++) {
    journal.append({ n });
    say(String(n));
  }
}
if (task === "checkpoints") {
  const store = new CheckpointStore(vault, v.strictObject({ n: v.number() }));
  for (let run = 1; ; run++) {
    await store.save(run, [
      { name: "a", meta: { n: run }, bytes: pattern(300000, run) },
      { name: "b", meta: { n: run }, bytes: pattern(1000, run) },
    ]);
    say(String(run));
    store.prune(2);
  }
}
setInterval(() => {}, 1000);
