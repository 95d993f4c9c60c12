/**
 * Serves the demo's page and what happens in its run to browsers on this machine: files that were built, and server-sent events.
 * Not the parties, which the page asks itself: nothing that is drawn comes here.
 */
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { isOwnHost } from "../../src/net/loopback.js";
import { CommandError } from "../errors.js";
import type { RunEvent } from "./run-events.js";

export interface Page {
  readonly url: string;
  /** Told to every browser that has the page open, or opens it later. */
  tell(event: RunEvent): void;
  close(): Promise<void>;
}
export interface PageOptions {
  /** 0: a free one. */
  readonly port: number;
  /** Where the page may connect to: the parties, as http://localhost:4000. */
  readonly parties: readonly string[];
  /** The built page; default: that of this package. */
  readonly directory?: string;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const own = import.meta.url.endsWith(".ts") ? "../../dist/web" : "../../web";
/** Browsers that watch; more are turned away. */
const MOST_WATCHERS = 32;

/** Listens on this machine only. Throws CommandError if the page is not built or the port is taken. */
export async function servePage({ port, parties, directory }: PageOptions): Promise<Page> {
  const files = await readFiles(directory ?? fileURLToPath(new URL(own, import.meta.url)));
  const history: string[] = [];
  const watchers = new Set<ServerResponse>();
  const headers = securityHeaders(parties);
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const path = request.url!.split("?", 1)[0]!;
    const file = files.get(path === "/" ? "/index.html" : path);
    // A name that leads here from elsewhere would make this page a page of that site, which could then read the token.
    if (!isOwnHost(request.headers.host)) refuse(response, 421, "This page is on localhost only.");
    else if (request.method !== "GET" && request.method !== "HEAD") refuse(response, 405, "GET only.");
    else if (path === "/events") watch(request, response, history, watchers);
    else if (!file) refuse(response, 404, "There is no such page.");
    else {
      response.writeHead(200, { "content-type": file.type, "content-length": file.body.length });
      response.end(request.method === "HEAD" ? undefined : file.body);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(new CommandError(`demo: expected to serve the page at port ${port}, got ${error.code}; try --port 0`)),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as { port: number };
  return {
    url: `http://localhost:${bound}`,
    tell(event) {
      const text = `id: ${history.length}\ndata: ${JSON.stringify(event)}\n\n`;
      history.push(text);
      for (const watcher of watchers) watcher.write(text);
    },
    async close() {
      for (const watcher of watchers) watcher.end();
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** All that happened, from where the browser has it, and then what happens. */
function watch(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  history: readonly string[],
  watchers: Set<ServerResponse>,
): void {
  if (watchers.size >= MOST_WATCHERS) {
    refuse(response, 503, "Too many pages are open.");
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (method === "HEAD") {
    response.end();
    return;
  }
  const last = Number(headers["last-event-id"] ?? -1);
  const from = Number.isSafeInteger(last) && last >= 0 && last < history.length ? last + 1 : 0;
  response.write(`retry: 1000\n\n${history.slice(from).join("")}`);
  watchers.add(response);
  response.once("close", () => watchers.delete(response));
}

/** Nothing from elsewhere, nothing inline, nobody's frame; connections to the parties alone. */
function securityHeaders(parties: readonly string[]): Readonly<Record<string, string>> {
  const sockets = parties.map((url) => url.replace(/^http/, "ws"));
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${sockets.join(" ")}`.trimEnd(),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

interface File {
  readonly type: string;
  readonly body: Buffer;
}
/** By path; only what was there at the start can be asked for. */
async function readFiles(directory: string): Promise<ReadonlyMap<string, File>> {
  const files = new Map<string, File>();
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  for (const name of names) {
    const type = types[extname(name)];
    if (type) files.set(`/${name.split(sep).join("/")}`, { type, body: await readFile(join(directory, name)) });
  }
  if (!files.has("/index.html"))
    throw new CommandError(`demo: expected the built page in ${directory}, got none; try \`npm run build\``);
  return files;
}
