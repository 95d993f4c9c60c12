/** Every tutorial runs, and its committed page is what the run gives. And the generator of pages notices when it is not. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "docs/tutorials");
const pages = readdirSync(folder).filter((name) => /^\d.*\.ts$/.test(name));

const directory = mkdtempSync(join(tmpdir(), "secretgrad-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));

for (const page of pages)
  test(page, async () => {
    const { code, output } = await generate("--check", join(folder, page));
    assert.equal(code, 0, output);
  });

test("the list of tutorials is complete", () => {
  const list = readFileSync(join(folder, "README.md"), "utf8");
  for (const page of pages) assert.ok(list.includes(`(${page.replace(/ts$/, "md")})`), page);
});

/** `npm run tutorials` writes whatever a run gives. */
test("what pages ask is answered with true", () => {
  for (const page of pages) {
    const text = readFileSync(join(folder, page.replace(/ts$/, "md")), "utf8");
    assert.doesNotMatch(text, /\? false$/m, page);
  }
});

test("a page has prose, code and what the code printed, in order", async () => {
  const page = write(
    "order",
    `/*
# Title
*/
import { randomInt } from "node:crypto";
console.log("one", 1);
/*
Then *this*.
*/
console.log(randomInt(1000), "(random)");
const later = () => console.log("late");
/*
No code.
*/
/*
At last.
*/
later();
console.log("![a picture](a.svg)");
`,
  );
  assert.equal((await generate(page)).code, 0);
  const text = readFileSync(page.replace(/ts$/, "md"), "utf8").replace(/\d+ \(random\)/, "N (random)");
  const body = text.slice(text.indexOf("# Title"), text.indexOf("\n---"));
  assert.equal(
    body.replaceAll("```", "~~~"),
    `# Title

~~~ts
import { randomInt } from "node:crypto";
console.log("one", 1);
~~~

~~~text
one 1
~~~

Then *this*.

~~~ts
console.log(randomInt(1000), "(random)");
const later = () => console.log("late");
~~~

~~~text
N (random)
~~~

No code.

At last.

~~~ts
later();
console.log("![a picture](a.svg)");
~~~

~~~text
late
~~~

![a picture](a.svg)
`,
  );
});

test("a run may differ from the page in random numbers, and in nothing else", async () => {
  const page = write("stale", '/*\n# Title\n*/\nconsole.log(process.pid, "(random)");\nconsole.log("sum", 7);\n');
  const markdown = page.replace(/ts$/, "md");
  await generate(page);
  const written = readFileSync(markdown, "utf8");
  assert.equal((await generate("--check", page)).code, 0);
  assert.match((await generate(page)).output, /as it was/);
  assert.equal(readFileSync(markdown, "utf8"), written);

  for (const [what, by] of [
    ["sum 7", "sum 8"],
    ["sum 7\n", "sum 7\nmore\n"],
    ["# Title", "# Other title"],
    ["(random)\n", "\n"],
  ] as const) {
    assert.ok(written.includes(what));
    writeFileSync(markdown, written.replace(what, by));
    const { code, output } = await generate("--check", page);
    assert.equal(code, 1, `${what} -> ${by}`);
    assert.match(output, /stale\.md, line \d+: expected what the run gives/);
  }
});

test("a page that fails, fails", async () => {
  const page = write("fails", '/*\n# Title\n*/\nthrow new Error("on purpose");\n');
  const { code, output } = await generate(page);
  assert.equal(code, 1);
  assert.match(output, /fails\.ts: ended with 1[\s\S]*on purpose/);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith(".")),
    [],
    "no copy is left behind",
  );
});

function write(name: string, text: string): string {
  const file = join(directory, `${name}.ts`);
  writeFileSync(file, text);
  return file;
}

/** Runs the generator to its end. */
function generate(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, "scripts/tutorials.mjs"), ...args], { cwd: root });
  let output = "";
  const take = (text: Buffer) => {
    output += text;
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}
