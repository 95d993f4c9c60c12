/** `secretgrad up`: all parties of a cluster on this machine, each its own process. Restarts none, and ends if one fails to start. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import colors from "picocolors";
import { InputError } from "../../src/errors.js";
import { command, jsonOption, memoryOption, memorySize } from "../command.js";
import { CommandError } from "../errors.js";
import { output } from "../output.js";
import { stopSignal } from "../stop.js";
import { printable } from "../terminal.js";

const paints = [colors.cyan, colors.magenta, colors.yellow, colors.green];

export default command({
  description: "Run all parties of a cluster on this machine, until Ctrl-C",
  details:
    "For trying things out: whoever controls the machine can put the shares together. In earnest, run each party elsewhere.",
  args: {
    dir: { type: "positional", description: "Where `secretgrad init` wrote the cluster", default: "." },
    "serve-insecure": {
      type: "boolean",
      description: "Serve clients without TLS: pages on this machine, and ask --insecure",
    },
    memory: memoryOption,
    json: jsonOption,
  },
  examples: [["secretgrad init my && secretgrad up my", "three parties, logs with their names in front"]],
  async run(args) {
    const out = output(args.json);
    if (args.memory !== undefined) memorySize("memory", args.memory);
    const memory = args.memory === undefined ? [] : ["--memory", args.memory];
    const insecure = args["serve-insecure"] ? ["--serve-insecure"] : [];
    const clusterFile = join(args.dir, "cluster.json");
    if (!existsSync(clusterFile))
      throw new InputError(
        `${clusterFile}: expected a cluster file, got none; try secretgrad up DIR with the directory that \`secretgrad init DIR\` made`,
      );
    const { readCluster } = await import("../../src/client/cluster-file.js");
    const { startChild } = await import("../processes.js");
    const { protocolNamed } = await import("../../src/protocol/index.js");
    const cluster = await readCluster(clusterFile);
    const { dealer } = protocolNamed(cluster.protocol);
    const width = Math.max(...cluster.parties.map(({ name }) => name.length));
    const all =
      dealer === undefined ? "All parties" : `All parties and their dealer, ${cluster.parties[dealer]!.name},`;
    const inSession = new Set<string>();
    let stopping = false;
    let ready = false;
    const children = cluster.parties.map(({ name }, i) =>
      startChild({
        name,
        args: [
          i === dealer ? "dealer" : "party",
          name,
          "--cluster",
          clusterFile,
          ...memory,
          ...(i === dealer ? [] : insecure),
          "--json",
        ],
        onLine(line, stream) {
          const entry = stream === "stdout" ? parse(line) : undefined;
          // The last words of a command come on stderr, too, and there for people.
          if (!args.json && entry && entry.event === undefined) return;
          if (args.json) out.object(entry ? { party: name, ...entry } : { party: name, message: line });
          else console.log(`${paints[i % paints.length]!(name.padEnd(width))} ${entry ? text(entry) : line}`);
          if (entry?.event === "session is up" && inSession.add(name).size === cluster.parties.length) {
            ready = true;
            out.object({ event: "ready", cluster: clusterFile });
            out.line(colors.green(`${all} are in session. Use them with --cluster ${clusterFile}; Ctrl-C stops them.`));
            if (args["serve-insecure"])
              out.line(
                "Clients are served without TLS: secretgrad ask --insecure, or connectModel(…, { insecure: true }).",
              );
          }
          if (entry?.event === "session has ended") inSession.delete(name);
        },
      }),
    );
    const stop = (): void => {
      stopping = true;
      for (const child of children) void child.stop();
    };
    void stopSignal().then(stop);
    const ends = await Promise.all(
      children.map(async ({ name, exited }) => {
        const { code, signal } = await exited;
        if (!stopping) {
          out.object({ event: "exit", party: name, code, signal });
          const others = ready ? "the others go on without it. Ctrl-C stops them." : "so all end.";
          out.line(`${name} has ended (${signal ?? code}); ${others}`);
        }
        const unasked = !stopping;
        // Before the first session none of them can do anything without it.
        if (unasked && !ready) stop();
        return { name, code, unasked };
      }),
    );
    const unasked = ends.filter((end) => end.unasked).map(({ name }) => name);
    if (unasked.length > 0)
      throw new CommandError(`up: expected the parties to run until Ctrl-C, but ${unasked.join(", ")} ended before`);
    process.exit(0);
  },
});

type Entry = Readonly<Record<string, unknown>>;
function parse(line: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null ? (entry as Entry) : undefined;
  } catch {
    return undefined;
  }
}
function text({ time, level, event, ...facts }: Entry): string {
  const rest = Object.entries(facts).map(
    ([key, value]) => `${key}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
  );
  const shown =
    level === "error" ? colors.red(String(event)) : level === "warn" ? colors.yellow(String(event)) : String(event);
  return `${colors.dim(String(time).slice(11, 23))} ${shown} ${colors.dim(rest.join(" "))}`.trimEnd();
}
