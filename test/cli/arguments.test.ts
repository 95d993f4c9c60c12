/** Wrong usage: exit code 2 and one line that says what was expected; help that suffices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySize } from "../../cli/command.js";
import { expiry } from "../../cli/commands/grant.js";
import { printable } from "../../cli/terminal.js";
import { secretgrad, temporaryDirectory } from "./program.js";

const wrong: readonly (readonly [string[], RegExp])[] = [
  [[], /expected a command/],
  [["shore"], /expected a command \(demo, init,.*got shore/],
  [["share"], /FILE/],
  [["share", "x.csv"], /--as/],
  [["share", "x.csv", "y.csv", "--as", "a/b"], /expected 1 arguments, got 2 \(y\.csv\)/],
  [["share", "x.csv", "--as", "images"], /--as: expected OWNER\/NAME, got images/],
  [["share", "x.csv", "--as", "a/b", "--onehot", "3"], /got --onehot/],
  [["share", "x.csv", "--as", "a/b", "--normalize", "1"], /expected MEAN,STD/],
  [["share", "x.csv", "--as", "a/b", "--normalize", "1,x"], /--normalize: expected a number, got x/],
  [["share", "x.csv", "--as", "a/b", "--rows", "5"], /expected FROM:TO/],
  [["share", "x.csv", "--as"], /expected a value for --as/],
  [["grant"], /expected a digest, or --watch/],
  [["grant", "abcd", "--watch"], /expected a digest, or --watch/],
  [["grant", "abcd", "--times", "0"], /--times: expected a whole number from 1/],
  [["grant", "abcd", "--release", "everything"], /expected open, count or meanLoss, got everything/],
  [
    ["grant", "abcd", "--release", "open", "--min-rows", "64"],
    /--min-rows: expected a pooled release .* got open only/,
  ],
  [["grant", "abcd", "--expires", "yesterday"], /--expires: expected a time/],
  [["init", "--port", "http"], /--port: expected a whole number/],
  [["init", "--users", "alice"], /expected NAME:owner or NAME:driver, got alice/],
  [["plan", "--save", "x.plan"], /expected a digest with --save/],
  [["deal", "x.plan", "--out", "d"], /--steps/],
  [["deal", "x.plan", "--out", "d", "--steps", "0"], /--steps: expected a whole number from 1/],
  [["deal", "x.plan", "--out", "d", "--steps", "1", "--scalars", "lr=0.1"], /expected SLOT=MANTISSA, got lr=0.1/],
  [["init", "--dealer", "james"], /--dealer: expected a protocol with a dealer, got rep3; try --protocol additive/],
  [
    ["init", "--protocol", "additive-3", "--comparison", "fss"],
    /--comparison: expected --protocol additive, got additive-3/,
  ],
  [["init", "--protocol", "additive", "--comparison", "best"], /--comparison: expected adder or fss, got best/],
  [["demo", "--protocol", "plain"], /--protocol: expected rep3 or additive, got plain/],
  [["party", "p0", "--memory", "4GB"], /--memory: expected a size from 16MiB to 4GiB, got 4GB; try 512MiB/],
  [["up", "--memory", "4.1GiB"], /--memory: expected a size .* got 4\.1GiB/],
  [["key"], /NAME/],
  [["key", "north", "--as", "../north"], /--as: expected a name of letters/],
  [
    ["deploy", "net.js", "--as", "net", "--nats", "nats://h", "--cluster", "a,b"],
    /expected weights that all groups can/,
  ],
  [["init", "--host", "a,b"], /expected one host, or 3, got 2/],
  [["init", "--serve", "http"], /--serve: expected a whole number/],
  [["deploy", "x.onnx"], /--as/],
  [["deploy", "x.onnx", "--as", "x", "--fraction", "30"], /--fraction: expected a whole number from 1 to 24/],
  [["ask", "x.json"], /FILE/],
  [["ask", "x.json", "x.csv", "--retries", "many"], /--retries: expected a whole number/],
  [["dealer", "james", "--serve", "4000"], /got --serve/],
];

test("wrong usage ends with code 2 and says what was expected", async (t) => {
  for (const [args, message] of wrong)
    await t.test(`secretgrad ${args.join(" ")}`, async () => {
      const { code, stderr } = await secretgrad(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
});

test("an error that we name ends with code 1, its message, and no stack", async () => {
  const cwd = temporaryDirectory();
  for (const args of [
    ["datasets", "--user", "alice"],
    ["up"],
    ["party", "p0"],
    ["dealer", "p2"],
    ["deal", "x.plan", "--steps", "1", "--out", "d"],
    ["share", "none.csv", "--as", "alice/x"],
  ]) {
    const { code, stderr, stdout } = await secretgrad([...args, "--json"], { cwd });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error .*expected .*try/s);
    assert.doesNotMatch(stderr, /\n\s+at /);
    assert.equal((JSON.parse(stdout.trim().split("\n").at(-1)!) as { error: string }).error, "InputError");
  }
});

test("help explains every command with an example, and the version is the package's", async () => {
  const overview = await secretgrad(["--help"]);
  assert.equal(overview.code, 0);
  const commands = [
    "demo",
    "init",
    "up",
    "party",
    "dealer",
    "deal",
    "status",
    "share",
    "datasets",
    "plan",
    "grant",
    "grants",
    "deploy",
    "deployments",
    "ask",
  ];
  for (const command of commands) assert.match(overview.stdout, new RegExp(`^ {2}${command} `, "m"));
  for (const command of ["init", "share", "grant", "dealer", "deal", "deploy", "ask"]) {
    const help = await secretgrad([command, "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /EXAMPLES\n\n {2}secretgrad /);
  }
  const { version } = (await import("../../package.json", { with: { type: "json" } })).default;
  assert.equal((await secretgrad(["--version"])).stdout.trim(), version);
});

test("memory: from 16 MiB to all that a party can use", () => {
  assert.equal(memorySize("memory", "4GiB"), 2 ** 32);
  assert.equal(memorySize("memory", "1.5gib"), 1.5 * 2 ** 30);
  assert.equal(memorySize("memory", "16MiB"), 2 ** 24);
  for (const text of ["", "15MiB", "4097MiB", "1e3MiB", "-1GiB", "1 GiB", "1000000000", "MiB"])
    assert.throws(() => memorySize("memory", text), { name: "UsageError" });
});

test("expiry: from now or a date to come", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  assert.equal(expiry("90m", now).toISOString(), "2030-01-01T01:30:00.000Z");
  assert.equal(expiry("30d", now).toISOString(), "2030-01-31T00:00:00.000Z");
  assert.equal(expiry("2030-02-01", now).toISOString(), "2030-02-01T00:00:00.000Z");
  for (const text of ["", "0d", "-1d", "2029-12-31", "soon"])
    assert.throws(() => expiry(text, now), { name: "UsageError" });
});

test("what a terminal would act on is taken out of other people's texts", () => {
  assert.equal(printable("p1: \u001b[2Jgone\r\u009b1m\nnext"), "p1: ?[2Jgone??1m\nnext");
});
