/** A party's log: pino's JSON for machines, one line a message for people. Not what parties write into it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const lines = (json: boolean, env: Record<string, string> = {}) => {
  const script = `import { log } from "./cli/log.ts";
    const party = log(${json});
    party.debug("looked");
    party.info("began", { run: 3, by: "a\\nb" });
    party.error("failed");`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const out = execFileSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  return out.trim().split("\n");
};

test("JSON: level, time, facts and the event, in this order", () => {
  const [began, failed, ...rest] = lines(true).map((line) => JSON.parse(line));
  assert.deepEqual(rest, []);
  assert.deepEqual(Object.keys(began), ["level", "time", "run", "by", "event"]);
  assert.deepEqual([began.level, began.run, began.by, began.event], ["info", 3, "a\nb", "began"]);
  assert.ok(Math.abs(Date.parse(began.time) - Date.now()) < 600_000);
  assert.deepEqual([failed.level, failed.event], ["error", "failed"]);
});

test("for people: a line each, without what could move the cursor; debugging where it is asked for", () => {
  const [looked, began, failed, ...rest] = lines(false, { SECRETGRAD_DEBUG: "1" });
  assert.deepEqual(rest, []);
  assert.match(looked!, /^[\d:.]+ looked$/);
  assert.match(began!, /^[\d:.]+ began run=3 by=a b$/);
  assert.match(failed!, /^[\d:.]+ failed$/);
});
