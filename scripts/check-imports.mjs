// Enforces the direction of imports between the rooms of src/ (docs/architecture.md), keeps protocols apart, finds import cycles.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** Each room and the rooms it may import from (besides itself). */
const may = {
  errors: [],
  options: ["errors"],
  ring: ["errors"],
  random: ["errors", "ring"],
  net: ["errors", "random"],
  protocol: ["errors", "options", "ring", "random"],
  ops: ["errors", "options", "ring", "protocol"],
  plan: ["errors", "ring", "protocol", "ops"],
  functions: ["errors", "options", "ring", "ops"],
  clear: ["errors", "ring", "ops", "plan"],
  engine: ["errors", "ring", "random", "net", "protocol", "ops", "plan"],
  tensor: ["errors", "options", "ring", "ops", "functions", "plan"],
  nn: ["errors", "options", "ring", "random", "functions", "tensor"],
  optim: ["errors", "options", "ring", "ops", "functions", "tensor"],
  models: ["errors", "options", "ring", "plan", "clear", "tensor", "nn"],
  data: ["errors", "options", "ring", "random", "protocol", "tensor"],
  serving: ["errors", "options", "ring"],
  scale: ["errors", "options", "random", "net", "serving"],
  browser: ["errors", "options", "random", "protocol", "serving"],
  page: ["errors", "options", "ring", "random", "protocol", "tensor", "nn", "optim", "data", "client"],
  party: ["errors", "ring", "random", "net", "protocol", "ops", "plan", "engine", "data", "serving", "scale"],
  client: [
    ...["errors", "options", "ring", "random", "net", "protocol", "ops", "plan", "clear", "engine", "tensor", "nn"],
    ...["data", "party", "serving", "scale"],
  ],
};

const files = [];
const walk = (dir) => {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) {
      if (name !== "assembly") walk(path);
    } else if (path.endsWith(".ts")) files.push(path);
  }
};
walk("src");

const room = (path) => {
  const parts = relative("src", path).split("/");
  return parts.length === 1 ? parts[0].replace(/\.ts$/, "") : parts[0];
};
/** The protocol to whose folder a file belongs; such a folder has a definition.ts. */
const protocol = (path) => {
  const [name, ...rest] = relative("src/protocol", path).split("/");
  return rest.length > 0 && existsSync(join("src/protocol", name, "definition.ts")) ? name : undefined;
};
const entropy = /\b(randomBytes|randomFillSync|getRandomValues|generateKeyPair(Sync)?|Math\.random)\b/;
const problems = [];
const graph = new Map();
for (const file of files) {
  const text = readFileSync(file, "utf8");
  const targets = [];
  for (const match of text.matchAll(/^\s*(?:import|export)\s(?<type>type\s)?[^"';]*?from\s+"(?<to>[^"]+)"/gms)) {
    const { to, type } = match.groups;
    if (to.startsWith("node:") || !to.startsWith(".")) {
      if (/^(node:)?(net|tls|http|https|dgram)$/.test(to) && !["net"].includes(room(file)))
        problems.push(`${file}: only src/net does network I/O, but this imports ${to}`);
      continue;
    }
    const target = normalize(join(dirname(file), to)).replace(/\.js$/, ".ts");
    if (!type) targets.push(target);
    const [from, dest] = [room(file), room(target)];
    if (from !== dest && from !== "index" && !(may[from] ?? []).includes(dest))
      problems.push(`${file}: src/${from} may not import src/${dest} (${to})`);
    const inside = protocol(target);
    if (
      inside !== undefined &&
      inside !== protocol(file) &&
      !["choice.ts", "index.ts"].includes(relative("src/protocol", file))
    )
      problems.push(`${file}: only src/protocol/choice.ts and index.ts may import src/protocol/${inside} (${to})`);
  }
  if (/\bMath\.random\b/.test(text)) problems.push(`${file}: Math.random is banned; use src/random`);
  // The stand-in for node:crypto has the name of what it replaces, and takes its bytes from src/random.
  const named = file === join("src", "page", "node", "crypto.ts") ? /\bgetRandomValues\b/ : entropy;
  if (named.test(text) && room(file) !== "random") problems.push(`${file}: only src/random draws randomness`);
  graph.set(file, targets);
}

// What a browser loads, whichever room it is in, loads nothing of Node and no package.
const loaded = new Set();
const load = (file, from) => {
  if (loaded.has(file)) return;
  loaded.add(file);
  for (const match of readFileSync(file, "utf8").matchAll(
    /^\s*(?:import|export)\s(?!type\s)[^"';]*?from\s+"([^."][^"]*)"/gms,
  ))
    problems.push(`${file}: loaded by browsers (through ${from}), but imports ${match[1]}`);
  for (const next of graph.get(file) ?? []) load(next, file);
};
load(join("src", "browser", "index.ts"), "package.json");

const state = new Map();
const visit = (file, trail) => {
  if (state.get(file) === "done") return;
  if (state.get(file) === "open") {
    problems.push(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(" -> ")}`);
    return;
  }
  state.set(file, "open");
  for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
  state.set(file, "done");
};
for (const file of files) visit(file, []);

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`imports: ${files.length} files, direction and cycles fine`);
