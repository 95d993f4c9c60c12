// Runs the tutorials and writes pages with what they printed: NAME.ts -> NAME.md, and the pictures that the run drew.
// `npm run tutorials [-- PAGE.ts ...]`; with --check it writes nothing and fails if a page is not what its run gives.
//
// A tutorial is a program. A comment from a line `/*` to a line `*/`, both alone and not indented, is prose (Markdown) and
// stands between statements; the rest is code. What code printed is shown under it. In a line that ends with "(random)",
// and in a picture with <!-- random -->, numbers are new in every run: all but them is compared.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "docs/tutorials");
const LIMIT_MS = 300_000;
/** Begins a line that says which piece of the page prints what follows. */
const MARK = "\u0001";

/** The lines of prose and code, piece by piece. A piece is prose and the code that follows it. */
function split(text) {
  const pieces = [];
  let prose;
  for (const line of text.trimEnd().split("\n")) {
    if (prose === undefined && line === "/*") {
      prose = [];
    } else if (prose !== undefined && line === "*/") {
      pieces.push({ prose, code: [] });
      prose = undefined;
    } else if (prose !== undefined) prose.push(line);
    else {
      if (pieces.length === 0) pieces.push({ prose: [], code: [] });
      pieces.at(-1).code.push(line);
    }
  }
  if (prose) throw new Error("a comment is not closed by a line */");
  return pieces;
}

/** The same program with marks in its output, each line where it was. */
function instrument(pieces) {
  const lines = pieces.flatMap(({ prose, code }, i) => [
    `console.log("\\u0001${i}");`,
    ...Array.from({ length: prose.length + 1 }, () => ""),
    ...code,
  ]);
  return `${lines.join("\n")}\n`;
}

/** Runs a page from the sources, not from dist. Resolves with its output by piece; pictures go to `pictures`. */
async function run(page, pieces, pictures) {
  const tsx = import.meta.resolve("tsx");
  const copy = join(dirname(page), `.${basename(page, ".ts")}.${process.pid}.ts`);
  writeFileSync(copy, instrument(pieces));
  try {
    const child = spawn(process.execPath, ["--import", tsx, copy], {
      cwd: root,
      env: {
        ...process.env,
        NO_COLOR: "1",
        TSX_TSCONFIG_PATH: join(folder, "tsconfig.json"),
        SECRETGRAD_CLI: join(root, "cli/main.ts"),
        TUTORIAL_PICTURES: pictures,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const outputs = pieces.map(() => []);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const code = await new Promise((done) => child.once("close", done));
    clearTimeout(timer);
    if (code !== 0) throw new Error(`ended with ${code}\n${stdout.replaceAll(MARK, "piece ")}\n${stderr}`);
    let at = 0;
    for (const line of stdout.trimEnd().split("\n")) {
      if (line.startsWith(MARK)) at = Number(line.slice(1));
      else outputs[at].push(line);
    }
    return outputs;
  } finally {
    rmSync(copy, { force: true });
  }
}

/** The page as Markdown. A printed line that is a Markdown picture stands below the other output. */
function render(page, pieces, outputs) {
  const picture = /^!\[.*\]\(.*\)$/;
  const fence = (language, lines) => {
    const text = lines.join("\n").trim();
    return text === "" ? [] : [`\`\`\`${language}\n${text}\n\`\`\``];
  };
  const parts = pieces.flatMap(({ prose, code }, i) => [
    prose.join("\n").trim(),
    ...fence("ts", code),
    ...fence(
      "text",
      outputs[i].filter((line) => !picture.test(line)),
    ),
    ...outputs[i].filter((line) => picture.test(line)),
  ]);
  const name = basename(page);
  const [title, ...rest] = parts;
  const note = `<!-- Written by \`npm run tutorials\`. Edit ${name} instead. -->`;
  const end = [
    "---\n",
    `This page is a program: \`npx tsx ${relative(root, page)}\` runs it. The program printed all output above, and a test runs`,
    "it again and compares. Only the numbers in lines that end with `(random)`, and in pictures of them, are new each time.",
  ].join("\n");
  return `${[note, title, ...rest, end].filter((part) => part !== "").join("\n\n")}\n`;
}

/** What two runs must have in common: all but the numbers that are marked as random. */
function comparable(text) {
  const blur = (part) => part.replace(/-?\d+(\.\d+)?/g, "#").replace(/ +/g, " ");
  if (text.includes("<!-- random -->")) return blur(text);
  return text.replace(/^.*\(random\)$/gm, blur);
}

/** Runs one page; returns the names of the files that are not what the run gives, and writes them unless `check`. */
async function build(page, check) {
  const pieces = split(readFileSync(page, "utf8"));
  const pictures = mkdtempSync(join(tmpdir(), "secretgrad-tutorial-"));
  try {
    const outputs = await run(page, pieces, pictures);
    const made = new Map(readdirSync(pictures).map((name) => [name, readFileSync(join(pictures, name), "utf8")]));
    made.set(`${basename(page, ".ts")}.md`, render(page, pieces, outputs));
    const stale = [];
    for (const [name, text] of made) {
      const file = join(dirname(page), name);
      if (comparable(text) === comparable(readOr(file, ""))) continue;
      stale.push(name);
      if (!check) writeFileSync(file, text);
      else console.error(firstDifference(name, comparable(readOr(file, "")), comparable(text)));
    }
    return stale;
  } finally {
    rmSync(pictures, { recursive: true, force: true });
  }
}

function readOr(file, fallback) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}

function firstDifference(name, kept, made) {
  const [a, b] = [kept.split("\n"), made.split("\n")];
  const i = b.findIndex((line, at) => line !== a[at]);
  const at = i < 0 ? b.length : i;
  const line = (lines) => lines[at] ?? "(the end)";
  return `${name}, line ${at + 1}: expected what the run gives\n  ${line(b)}\ngot\n  ${line(a)}`;
}

const args = process.argv.slice(2);
const check = args.includes("--check");
const named = args.filter((arg) => arg !== "--check").map((arg) => resolve(arg));
const all = readdirSync(folder)
  .filter((name) => /^\d.*\.ts$/.test(name))
  .map((name) => join(folder, name));
let failed = false;
for (const page of named.length > 0 ? named : all.sort()) {
  try {
    const stale = await build(page, check);
    console.log(`${relative(root, page)}: ${stale.length === 0 ? "as it was" : stale.join(", ")}`);
    failed ||= check && stale.length > 0;
  } catch (error) {
    console.error(`${relative(root, page)}: ${error.message}`);
    failed = true;
  }
}
if (failed) {
  console.error(
    "tutorials: expected pages that run and are up to date; try `npm run tutorials` and look at what changed",
  );
  process.exit(1);
}
