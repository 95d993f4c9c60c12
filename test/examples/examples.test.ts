/** Every example runs and prints what it promises, under both protocols. The numbers are those of the mission's rows. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fresh, program, root, tsx } from "../cli/program.js";

interface Expected {
  readonly args?: readonly string[];
  check(stdout: string, protocol: Protocol): void;
}
const protocols = { rep3: "rep3", additive: "additive-2" } as const;
type Protocol = keyof typeof protocols;
const has = (...patterns: RegExp[]): Expected => ({
  check(stdout) {
    for (const pattern of patterns) assert.match(stdout, pattern);
  },
});

/** S1's losses with fixed initial weights, in floating point. */
const golden =
  "1.9470 1.1518 .9280 .7679 .6317 .5061 .3889 .2833 .1938 .1238 .0737 .0411 .0220 .0121 .0075 .0050 .0044 .0036 .0054 .0041";

/** Values and gradients of the losses in 10-losses.ts, as PyTorch has them. */
const pytorch = {
  mseLoss: [1.406, 0.25, 0.125, -0.25, 0, 0, 0.25, 0.5, -0.5],
  crossEntropy: [0.259, -0.145, 0.079, 0.018, 0.048, 0.021, 0.057, -0.08, 0.003],
  binaryCrossEntropy: [0.392, -0.139, 0.156, 0.312, 0.179, 0.25, 0.139, -0.156, 0.208],
  binaryCrossEntropyWithLogits: [0.536, -0.015, 0.078, 0.034, 0.062, 0.062, 0.091, -0.006, 0.015],
};

const examples: Readonly<Record<string, Expected>> = {
  "01-private-sum.ts": has(/The sum is 9\n/, /Refused: .*a grant by alice .*\n$/),
  "02-print-and-reveal.ts": {
    check(stdout) {
      assert.match(stdout, /Printed: Tensor\(\[3\], secret\)\n.*Tensor\(\[3\], secret\)/);
      assert.match(stdout, /Revealed: \[1,2,3\]\n$/);
    },
  },
  "03-arithmetic.ts": has(/x \+ 2 = \[3,4,5\]/, /x \+ y = \[5,7,9\]/, /x < 2.5 = \[1,1,0\]/),
  "04-functions.ts": {
    check(stdout) {
      const errors = [...stdout.matchAll(/^(\w+) +largest error ([\d.]+)$/gm)];
      assert.equal(errors.length, 22);
      for (const [line, , error] of errors) assert.ok(Number(error) < 1e-3, line);
    },
  },
  "05-mse.ts": has(/: 9\.0000\n/),
  "06-shares-by-hand.ts": has(/7 = 2 \+ 4 \+ 1 = 7\n/, /7 \+ 10 = 17\n/),
  "08-logistic-regression.ts": {
    check(stdout) {
      const losses = [...stdout.matchAll(/epoch \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
      assert.equal(losses.length, 10);
      // S0: 2.3329, 2.2252, …, 1.6541, from other initial weights.
      assert.ok(losses[0]! > 2.15 && losses[0]! < 2.5 && losses[9]! > 1.5 && losses[9]! < 1.8, losses.join(" "));
      assert.ok(Number(/(\d+) of its 100 training images/.exec(stdout)?.[1]) > 60, stdout);
    },
  },
  "09-cnn.ts": {
    check(stdout) {
      const losses = [...stdout.matchAll(/epoch \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
      assert.equal(losses.length, 3);
      // S0: 2.3136, 2.2532, 2.1912, from other initial weights and masks.
      assert.ok(losses[0]! < 2.5 && losses[2]! < Math.min(2.3, losses[0]!), losses.join(" "));
    },
  },
  "10-losses.ts": {
    check(stdout) {
      const lines = stdout.trim().split("\n");
      Object.entries(pytorch).forEach(([name, wanted], i) => {
        assert.match(lines[i]!, new RegExp(`^${name}: `));
        const got = [...lines[i]!.matchAll(/-?\d+\.\d+/g)].map(Number);
        wanted.forEach((value, j) => {
          assert.ok(Math.abs(got[j]! - value) < 0.0021, `${lines[i]}; PyTorch has ${wanted}`);
        });
      });
    },
  },
  "11-import-a-model.ts": {
    check(stdout) {
      assert.match(stdout, /PyTorch read the first test images as 7 2 1\n.*: 7 2 1\n/);
      const [before, after] = [...stdout.matchAll(/(\d+) of 200/g)].map(([, hits]) => Number(hits));
      assert.ok(before! < 100 && after! > before! + 40, stdout);
    },
  },
  "12-data-of-several-owners.ts": has(/in 0 of [1-9]\d* of the parties' files/, /Sum: \[5,7,9\]/),
  "13-vertical-split.ts": {
    check(stdout) {
      const losses = [...stdout.matchAll(/epoch \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
      assert.equal(losses.length, 10);
      assert.ok(losses[0]! > 2.15 && losses[0]! < 2.5 && losses[9]! > 1.5 && losses[9]! < 1.8, losses.join(" "));
    },
  },
  "14-save-and-resume.ts": {
    check(stdout) {
      assert.match(stdout, /epoch 10: .*\nResumed: 4 of 4 variables\.\nepoch 15: /);
      const losses = [...stdout.matchAll(/epoch \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
      // One that began again would be where the first five epochs ended.
      assert.equal(losses.length, 4);
      assert.ok(losses[2]! < Math.min(losses[0]!, losses[1]!) && losses[3]! < 0.1, losses.join(" "));
      const numbers = [...stdout.slice(stdout.indexOf("Weights:")).matchAll(/-?\d+\.\d+/g)].map(Number);
      assert.equal(numbers.length, 4);
      for (const [i, wanted] of [2, -3, 1, 6].entries()) assert.ok(Math.abs(numbers[i]! - wanted) < 0.1, stdout);
    },
  },
  "24-mnist.ts": {
    args: ["3"],
    check(stdout) {
      const accuracies = [...stdout.matchAll(/epoch \d+: ([\d.]+) %/g)].map(([, accuracy]) => Number(accuracy));
      assert.equal(accuracies.length, 3);
      assert.ok(accuracies[2]! > 50, accuracies.join(" "));
    },
  },
  "25-private-data-loaders.ts": has(
    /A batch: Tensor\(\[64,784\], secret\) Tensor\(\[64,10\], secret\)/,
    /batch 10 of 10: loss 0\./,
    /Looking at a row: .*expected a grant by alice/,
  ),
  "26-encrypted-evaluation.ts": {
    check(stdout) {
      const hits = Number(/^(\d+) of 500/.exec(stdout)?.[1]);
      assert.ok(hits > 350 && hits < 420, String(hits));
    },
  },
  "27-speed.ts": {
    check(stdout, protocol) {
      assert.match(stdout, new RegExp(`^${protocols[protocol]} +relu +[\\d.]+ ms per training batch`));
      assert.match(stdout, /plain +square/);
    },
  },
  "28-own-autograd.ts": {
    check(stdout) {
      const losses = stdout.trim().split(" ").map(Number);
      golden.split(" ").forEach((expected, i) => {
        assert.ok(Math.abs(losses[i]! - Number(expected)) < 5e-4, `step ${i}: ${losses[i]}`);
      });
    },
  },
  "38-serve-a-model.ts": {
    args: ["0"],
    check(stdout) {
      assert.match(
        stdout,
        /actual 7, predicted 7\nactual 2, predicted 2\nactual 1, predicted 1\nRefused: .*3 queries in all/,
      );
      assert.match(stdout, /Answered 3 queries.*\nModels served now: 0\n$/);
    },
  },
  "40-train-a-keras-model.ts": {
    check(stdout) {
      const digits = [...stdout.matchAll(/^(\d) with probability (0\.\d+); all ten together (\d\.\d+)$/gm)];
      assert.equal(digits.map(([, digit]) => digit).join(""), "721", stdout);
      for (const [line, , , sum] of digits) assert.ok(Math.abs(Number(sum) - 1) < 0.0021, line);
      const [before, after] = [...stdout.matchAll(/(\d+) of 200/g)].map(([, hits]) => Number(hits));
      assert.ok(before! < 80 && after! > before! + 40, stdout);
    },
  },
};

const folder = join(root, "examples");
test("every example has a test", () => {
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .sort(),
    Object.keys(examples).sort(),
  );
});

/** The only one without the protocols: it shares by hand. */
const byHand = "06-shares-by-hand.ts";

test("every example has its protocol from the one place where it is chosen", () => {
  const cluster = readFileSync(join(folder, "support/cluster.ts"), "utf8");
  assert.match(cluster, /from "\.\/protocol\.js"/);
  for (const name of Object.keys(examples)) {
    const source = readFileSync(join(folder, name), "utf8");
    const starts = source.match(/\b(local|startCluster)\(.*?\)/g)?.join() ?? "";
    if (name === byHand) assert.equal(starts, "");
    else
      assert.match(
        starts,
        /^(local\(\{ (protocol|protocol: each), insecure: true.*\}\)|startCluster\((\{ serve: .*\})?\))$/,
        name,
      );
  }
});

for (const [name, { args = [], check }] of Object.entries(examples)) {
  test(name, async () => check(await run(join(folder, name), args), "rep3"));
  if (name !== byHand)
    test(`${name} --protocol additive`, async () =>
      check(await run(join(folder, name), [...args, "--protocol", "additive"]), "additive"));
}

/** In a process of its own, as a reader would start it; from the sources if the build is old. */
function run(file: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1", SECRETGRAD_CLI: program };
  const paths = fresh ? {} : { TSX_TSCONFIG_PATH: join(root, "test/examples/tsconfig.json") };
  const child = spawn(process.execPath, ["--import", tsx, file, ...args], {
    cwd: root,
    env: { ...env, ...paths },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(stdout);
      else reject(new Error(`${file}: ended with ${code}\n${stdout}\n${stderr}`));
    });
  });
}
