/** What the tests of the browser's client share: a WebSocket where Node has none, parties without TLS, and impostors. Not tests. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Invitation } from "../../src/client/index.js";
import { decodeFromClient, encodeWelcome, type FromClient, type ModelFacts } from "../../src/serving/wire.js";
import { ServingCluster, type ServingClusterOptions } from "../serving/cluster.js";

// Node 20 has none; from 22 on its own is like the browsers'.
const platform = globalThis as { WebSocket?: unknown };
platform.WebSocket ??= WebSocket;

/** Parties that pages can reach: without TLS, as on a machine for trying things out. */
export const startForPages = (options: ServingClusterOptions = {}): Promise<ServingCluster> =>
  ServingCluster.start({ timeoutMs: 30_000, ...options, serve: { ...options.serve, insecure: true } });

/** As the page gets it: addresses without TLS, and so without pins. */
export function withoutTls({ model, parties, token }: Invitation): Invitation {
  const addresses = parties.map((party) => (typeof party === "string" ? party : party.url));
  return { model, parties: addresses.map((url) => url.replace(/^https:/, "http:")), token };
}

export const facts: ModelFacts = {
  model: "m",
  version: 1,
  party: 0,
  parties: ["p0", "p1", "p2"],
  protocol: "rep3",
  ring: 64,
  fraction: 16,
  input: [2],
  output: { kind: "scores", shape: [1], scale: 16, bits: 64 },
  partBytes: 32,
  inFlight: 4,
};

export type Say = (message: FromClient, party: number) => readonly (Uint8Array | string)[];
export interface Impostors {
  readonly invitation: Invitation;
  /** What clients said, by party. */
  readonly heard: readonly FromClient[][];
  close(): Promise<void>;
}
/** Three servers that answer as they are told to. */
export async function impostors(say: Say): Promise<Impostors> {
  const heard: FromClient[][] = [[], [], []];
  const servers = heard.map((list, party) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    server.on("connection", (socket) =>
      socket.on("message", (data: Buffer) => {
        const message = decodeFromClient(new Uint8Array(data));
        list.push(message);
        for (const answer of say(message, party)) socket.send(answer);
      }),
    );
    return server;
  });
  await Promise.all(servers.map((server) => once(server, "listening")));
  const parties = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    invitation: { model: "m", parties, token: "token" },
    heard,
    async close() {
      for (const server of servers) {
        for (const client of server.clients) client.terminate();
        await new Promise((done) => server.close(done));
      }
    },
  };
}

export const welcome = (party: number, changed: Partial<ModelFacts> = {}): Uint8Array =>
  encodeWelcome({ ...facts, party, ...changed });
