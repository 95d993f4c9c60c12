/** Grants that were spent by very many runs, none next to another: every journal record stays within its limit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type GrantRecord, Grants } from "../../src/party/grants.js";
import { MemoryJournal } from "../../src/party/memory-stores.js";

test("uses of 70,000 separate runs are merged and compacted in records of less than 1 MiB", () => {
  const id = "ab".repeat(16);
  const grant = {
    ...{ id, digest: "0".repeat(64), reveal: "*", release: "count", minRows: 64, recipients: ["driver"] },
    ...{ times: 100_000, expires: "2999-01-01T00:00:00Z" },
  };
  const journal = new MemoryJournal<GrantRecord>();
  const grants = new Grants(journal, Date.now);
  grants.put("alice", grant);
  const spent = Array.from({ length: 70_000 }, (_, i): [number, number] => [2 * i, 2 * i]);
  grants.merge([{ id, revoked: false, spent, refunded: [] }]);
  const largest = () => Math.max(...journal.records().map((record) => JSON.stringify(record).length));
  assert.ok(largest() < 2 ** 20);
  assert.equal(grants.uses()[0]?.spent.length, 70_000);
  assert.deepEqual(new Grants(journal, Date.now).uses(), grants.uses());
  assert.ok(largest() < 2 ** 20);
});

test("an owner gives at most 1000 grants for one plan: a run looks through all of them", () => {
  const grants = new Grants(new MemoryJournal<GrantRecord>(), Date.now);
  const put = (i: number, digest: string) =>
    grants.put("alice", {
      ...{ id: i.toString(16).padStart(32, "0"), digest, reveal: "*", release: "count", minRows: 64 },
      ...{ recipients: ["driver"], times: 1, expires: "2999-01-01T00:00:00Z" },
    });
  const [one, other] = ["1".repeat(64), "2".repeat(64)];
  for (let i = 0; i < 1000; i++) put(i, one);
  assert.throws(() => put(1000, one), { name: "PolicyError", message: /1000 for one plan/ });
  put(1000, other);
});
