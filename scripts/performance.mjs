// Runs the benches and rewrites the tables of docs/performance.md and README.md, each between its two markers, with the command that
// made it and what the machine was like in that run. `node scripts/performance.mjs [PART ...]`; needs `npm run build`. On a quiet machine.
//
// Parts: readme, nets, additive, ops, links, record, memory, and peers, which takes files of --json rows, ours first:
// `node scripts/performance.mjs peers OURS THEIRS ...` (bench/peers/README.md).
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { compareRows } from "../dist/bench/compare.js";
import { linkTables } from "../dist/bench/links.js";

const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
/** Figures of others, for the README. */
const others = JSON.parse(readFileSync(root("bench/peers/measured.json"), "utf8"));
const bench = root("dist/bench/main.js");
/** The step that the page takes apart. */
const taken = "mlp128 b128 train mse";

/** By command: what one table has is not measured again for another. */
const known = new Map();
/** Rows of a bench, and the command for people. */
function rowsOf(...args) {
  const line = `npm run bench -- ${args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(" ")}`;
  if (!known.has(line)) known.set(line, measure(line, args));
  return known.get(line);
}
async function measure(line, args) {
  console.error(line);
  // Of the minute before: what other programs were doing.
  const command = `\`${line}\`, load ${loadavg()[0].toFixed(1)} before it`;
  const child = spawn(process.execPath, [bench, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    text += piece;
  });
  const code = await new Promise((done) => child.once("close", done));
  if (code !== 0) throw new Error(`${line} ended with ${code}`);
  const rows = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { command, rows };
}

const ms = (seconds) => (seconds * 1000).toFixed(seconds < 0.01 ? 2 : seconds < 1 ? 1 : 0);
const mb = (bytes) => (bytes / 1e6).toFixed(3);
const table = (heads, lines) =>
  [heads, heads.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** What the figures must be read against. */
function source(command, calibration) {
  const day = new Date().toISOString().slice(0, 10);
  if (!calibration) return `${command}, ${day}.`;
  const { kernelGmacs, kernelGmacsBest, roundMicroseconds, mebibyteRingMilliseconds } = calibration;
  return `${command}, ${day}: ${kernelGmacs.toFixed(2)} G multiply-adds/s on one core (at best ${kernelGmacsBest.toFixed(2)}), ${roundMicroseconds.toFixed(0)} µs a round of small messages, ${mebibyteRingMilliseconds.toFixed(1)} ms for 1 MiB to the next party.`;
}
const calibrationOf = (rows) => rows.find((row) => row.case === "calibration");

function measured({ command, rows }, sent) {
  const lines = rows
    .filter((row) => row.seconds !== undefined)
    .map((row) => [
      row.case,
      `**${ms(row.seconds)}**`,
      `${row.runs.undisturbed} of ${row.runs.all}`,
      ms(row.secondsAsTheyCame),
      ms(row.min),
      row.rounds,
      mb(row.bytesPerParty),
      ms(row.cpuSeconds),
      row.maxError.toExponential(1),
    ]);
  const heads = [
    ...["case", "ms", "undisturbed", "as they came", "fastest run"],
    ...["rounds", sent, "processor ms a party", "largest error"],
  ];
  return `${table(heads, lines)}\n\n${source(command, calibrationOf(rows))}`;
}

/** What the cases of the README are; those that are not here are left out. */
const called = {
  "mlp64 b64 train mse": "784-128-64-10, batch 64, training step",
  "mlp128 b128 train ce": "784-128-128-10, batch 128, training step, cross-entropy",
  "mlp128 b128 infer": "784-128-128-10, batch 128, inference",
  "mlp128 b1 infer": "784-128-128-10, one image",
  "lenet b128 train ce": "LeNet, batch 128, training step, cross-entropy",
  "lenet b1 infer": "LeNet, one image",
  "convnet b64 infer": "three convolutions, batch 64, inference",
  "convnet b1 infer": "three convolutions, one image",
  "logreg b100 10 epochs ce": "logistic regression, 100 images, 10 epochs",
  "mul 1000000": "1,000,000 products",
  "matmul 512x512x512": "512×512 · 512×512",
  "relu 100000": "100,000 ReLU",
  "relu 1000000": "1,000,000 ReLU",
  "softmax 128x128": "softmax of 128×128",
  "maxpool2 32x20x24x24": "pooling by maximum of 32×20×24×24",
};
function beside(found, protocol, columns) {
  const lines = found
    .flatMap(({ rows }) => rows)
    .filter((row) => row.seconds !== undefined && called[row.case])
    .map((row) => {
      const own = [
        `**${ms(row.seconds)}**`,
        `${row.runs.undisturbed} of ${row.runs.all}`,
        ms(row.secondsAsTheyCame),
        ms(row.min),
        row.rounds,
        mb(row.bytesPerParty),
        row.maxError.toExponential(1),
      ];
      const theirs = Object.keys(columns).map((column) => others[row.case]?.[column] ?? "");
      return [called[row.case], ...own, ...theirs];
    });
  const heads = [
    "",
    `\`${protocol}\`, ms`,
    "undisturbed",
    "as they came",
    "fastest",
    "rounds",
    "MB sent per party",
    "largest error",
  ];
  const sources = found.map(({ command, rows }) => source(command, calibrationOf(rows)));
  return `${table([...heads, ...Object.values(columns)], lines)}\n\n${sources.join("\n")}`;
}

/** Where the time of each case goes. */
function shares({ command, rows }) {
  const lines = rows
    .filter((row) => row.profile)
    .map(({ case: name, profile: { operators, seconds, ...parts } }) => {
      const share = (part) => `${ms(part)} (${Math.round((100 * part) / seconds)} %)`;
      const multiplyAdds = operators.reduce((sum, each) => sum + each.multiplyAdds, 0);
      const { floor, work, around, idle } = parts;
      return [name, ms(seconds), (multiplyAdds / 1e6).toFixed(1), ...[floor, work, around, idle].map(share)];
    });
  const heads = [
    "case",
    "profiled ms",
    "M multiply-adds",
    "floor",
    "other work of operators",
    "TLS, engine, V8",
    "idle cores",
  ];
  return `${table(heads, lines)}\n\n${source(command, calibrationOf(rows))} Parts in ms.`;
}

/** One step, operator by operator. */
function step({ command, rows }) {
  const { operators, seconds } = rows.find((row) => row.profile && row.case === taken).profile;
  const line = (name, list) => {
    const total = (key) => list.reduce((sum, each) => sum + each[key], 0);
    const percent = `${Math.round((100 * total("local")) / seconds)} %`;
    const times = [ms(total("floor")), ms(total("local")), percent, ms(total("waiting"))];
    return [name, total("nodes"), (total("multiplyAdds") / 1e6).toFixed(1), ...times, mb(total("bytes"))];
  };
  const large = operators.filter(({ local, waiting }) => local + waiting >= seconds / 100);
  const small = operators.filter((each) => !large.includes(each));
  const heads = ["operator", "nodes", "M multiply-adds", "floor ms", "local ms", "of the step", "waits ms", "MB sent"];
  const lines = [
    ...large.map((each) => line(`\`${each.operator}\``, [each])),
    line(`${small.length} others`, small),
    line("all", operators),
  ];
  return `${table(heads, lines)}\n\n${source(command, calibrationOf(rows))} ${taken}, ${ms(seconds)} ms.`;
}

const parts = {
  async readme() {
    const rep3 = [await rowsOf("nets", "--profile"), await rowsOf("ops")];
    return { "README.md speed": beside(rep3, "rep3", { mpspdz: "MP-SPDZ, ms", crypten: "CrypTen, ms" }) };
  },
  async nets() {
    const found = await rowsOf("nets", "--profile");
    return { nets: measured(found, "MB sent by the busiest party"), shares: shares(found), step: step(found) };
  },
  async additive() {
    const dealer = ["--protocol", "additive"];
    const found = await rowsOf("nets", ...dealer, "--profile");
    const both = [found, await rowsOf("ops", ...dealer, "--only", "relu")];
    return {
      additive: measured(found, "MB sent by the busiest"),
      "additive-shares": shares(found),
      "README.md additive": beside(both, "additive-2", { mpspdzDealer: "MP-SPDZ, ms", crypten3: "CrypTen, ms" }),
    };
  },
  async ops() {
    return { ops: measured(await rowsOf("ops"), "MB sent by the busiest party") };
  },
  async links() {
    const { command, rows } = await rowsOf("links");
    const found = rows.filter((row) => row.case !== "calibration");
    const off = (link) =>
      found.filter((row) => row.link === link).map((row) => Math.round(100 * (row.min / row.expected - 1)));
    const signed = (value) => `${value > 0 ? "+" : ""}${value}`;
    const text = [...new Set(found.map(({ link }) => link))]
      .map((link) => `${link} from ${signed(Math.min(...off(link)))} to ${signed(Math.max(...off(link)))} %`)
      .join(", ");
    return { links: `${linkTables(found)}\n\n${source(command)} Measured against arithmetic: ${text}.` };
  },
  async record() {
    const { command, rows } = await rowsOf("record");
    const lines = rows.map((row) => [row.case, ms(row.seconds), ms(row.min), row.nodes, row.planBytes]);
    return { record: `${table(["case", "ms", "fastest", "nodes", "bytes"], lines)}\n\n${source(command)}` };
  },
  async memory() {
    const { command, rows } = await rowsOf("memory");
    const mib = (bytes) => (bytes / 2 ** 20).toFixed(2);
    const lines = rows.map(({ steps, party, ringUsed, ring, heap, external, resident }) => [
      steps,
      party,
      ...[ringUsed, ring, heap, external, resident].map(mib),
    ]);
    const heads = ["steps", "party", "ring, in use", "ring", "JavaScript heap", "buffers, ring included", "resident"];
    return { memory: `${table(heads, lines)}\n\n${source(command)} MiB.` };
  },
  async peers(files) {
    if (files.length < 2) throw new Error("peers: expected our file and others', got fewer; see bench/peers/README.md");
    const calibrations = files.map((file) => JSON.parse(readFileSync(file, "utf8").split("\n")[0]));
    const text = compareRows(
      files,
      calibrations.map(({ peer }) => peer ?? "secretgrad, `rep3`"),
    );
    const sources = calibrations.map((found, i) => source(i === 0 ? "`npm run bench -- compare`" : found.peer, found));
    return { peers: `${text}\n\n${sources.join(" ")}` };
  },
};

/** `name` is a table of docs/performance.md, or a page and a table. */
function write(where, text) {
  const [path, name] = where.includes(" ") ? where.split(" ") : ["docs/performance.md", where];
  const page = root(path);
  const whole = readFileSync(page, "utf8");
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path}: expected ${begin} and ${end}, got neither`);
  writeFileSync(page, `${whole.slice(0, from + begin.length)}\n${text}\n${whole.slice(to)}`);
}

const args = process.argv.slice(2);
const wanted =
  args[0] === "peers" ? ["peers"] : args.length > 0 ? args : Object.keys(parts).filter((name) => name !== "peers");
for (const name of wanted) {
  if (!Object.hasOwn(parts, name)) {
    console.error(`performance: expected one of ${Object.keys(parts)}, got ${name}`);
    process.exit(2);
  }
  for (const [table, text] of Object.entries(await parts[name](args.slice(1)))) write(table, text);
}
