/** Which protocols run in one process, and what must be said for one with a dealer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GrantMissingError, InputError, nn, optim, type RunReport } from "../../src/index.js";
import { quiet } from "./helpers.js";

test("a protocol with a dealer runs in one process only if that is said to be insecure", async () => {
  for (const protocol of ["additive-2", "additive-2-fss", "additive-3"] as const) {
    for (const insecure of [undefined, false])
      await assert.rejects(quiet({ protocol, ...(insecure === undefined ? {} : { insecure }) }), (error) => {
        assert.ok(error instanceof InputError);
        assert.match(error.message, /expected insecure: true for additive-.*dealer.*try adding it .*secretgrad init/);
        return true;
      });
    const session = await quiet({ protocol, insecure: true });
    const x = session.secret([1, -2, 3]);
    assert.deepEqual([...(await x.relu().mul(x).reveal()).data].map(Math.round), [1, 0, 9]);
    await session.close();
  }
});

test("the members of a protocol may have names, also those of data owners", async () => {
  const session = await quiet({
    protocol: { kind: "additive", parties: ["alice", "bob"], dealer: "james" },
    insecure: true,
    grants: "explicit",
  });
  assert.deepEqual([session.protocol, session.parties], ["additive-2", ["alice", "bob", "james"]]);
  await session.share("alice/numbers", [1, 2]);
  await session.share("bob/numbers", [3, 4]);
  const product = () => session.dataset("alice/numbers").all().mul(session.dataset("bob/numbers").all()).reveal();
  // Parties with the owners' names are no owners.
  await assert.rejects(product(), GrantMissingError);
  for (const owner of ["alice", "bob"])
    for (const digest of await session.owner(owner).plans()) await session.grant(owner, digest, { release: ["open"] });
  assert.deepEqual([...(await product()).data].map(Math.round), [3, 8]);
  await session.close();

  const three = await quiet({ protocol: { kind: "rep3", parties: ["north", "south", "west"] } });
  assert.deepEqual([three.protocol, three.parties], ["rep3", ["north", "south", "west"]]);
  await three.close();
});

test("training among two with a dealer is the training in the clear", async () => {
  const weights = async (protocol: "plain" | "additive-2") => {
    const session = await quiet({ protocol, insecure: true, fraction: 20 });
    const net = nn.linear(2, 1);
    net.loadStateDict({ weight: [[0.5, -0.25]], bias: [0] });
    const sgd = optim.sgd(net.parameters(), { lr: 0.1, momentum: 0.5 });
    for (let step = 0; step < 4; step++)
      sgd.minimize(nn.mseLoss(net(session.secret([1, 2, 3, 4], [2, 2])), session.secret([1, -1], [2, 1])));
    const values = Object.values(await net.stateDict(session)).flatMap(({ data }) => [...data]);
    await session.close();
    return values;
  };
  const [clear, shared] = [await weights("plain"), await weights("additive-2")];
  for (const [i, value] of clear.entries()) assert.ok(Math.abs(value - shared[i]!) < 1e-4, `${clear} and ${shared}`);
});

for (const protocol of ["rep3", "additive-2"] as const)
  test(`${protocol}: every second run tells time and traffic by operator, if that is asked for`, async () => {
    const reports: RunReport[] = [];
    const onRun = (report: RunReport) => reports.push(report);
    const session = await quiet({ protocol, insecure: true, profileEvery: 2, onRun });
    for (let run = 0; run < 4; run++) {
      const x = session.secret([1, -2, 3]);
      assert.deepEqual([...(await x.relu().mul(x).reveal()).data].map(Math.round), [1, 0, 9]);
    }
    await session.close();
    assert.deepEqual(
      reports.map(({ operators }) => operators !== undefined),
      [false, true, false, true],
    );
    const { operators, bytes } = reports[1]!;
    const names = operators!.map(({ op }) => op);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.includes("mul") && names.includes("reveal"), names.join());
    for (const { seconds, waiting } of operators!) assert.ok(seconds >= 0 && waiting >= 0);
    assert.ok(operators!.some(({ waiting }) => waiting > 0));
    // One party's: what it sent in all is what its operators sent.
    const sent = operators!.reduce((sum, operator) => sum + operator.bytes, 0);
    assert.ok(bytes.includes(sent), `${sent} of ${bytes}`);
  });
