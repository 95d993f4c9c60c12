/**
 * Connections to the parties of a cluster file: as a driver a session, as an owner an Owner. Both over mutual TLS, with
 * the keys that the file pins.
 */
import { dirname, join } from "node:path";
import * as v from "valibot";
import { HandshakeError, InputError, PeerLostError } from "../errors.js";
import { checkOptions, type Names } from "../options.js";
import type { Cluster, ClusterUser } from "../party/cluster.js";
import { type ProtocolDefinition, protocolNamed } from "../protocol/index.js";
import { callAll, type PartyCaller } from "./caller.js";
import { readCluster } from "./cluster-file.js";
import { checkPin, readIdentity } from "./identity-file.js";
import { parse } from "./listings.js";
import { Owner } from "./owner.js";
import { Session } from "./session.js";
import type { SessionOptions } from "./session-options.js";
import { TlsCaller } from "./tls-caller.js";

export interface IdentityOptions {
  /** Whose key: a user of the cluster file. Default: its only driver (for connect) or owner (for connectOwner). */
  readonly as?: string;
  /** The key file. Default: keys/NAME.pem beside the cluster file. */
  readonly key?: string;
  /** How long parties that are not up yet are waited for. Default 10 s. */
  readonly connectTimeoutMs?: number;
}
const identityNames: Names<IdentityOptions> = { as: true, key: true, connectTimeoutMs: true };
export interface ConnectOptions
  extends IdentityOptions,
    Pick<
      SessionOptions,
      "fraction" | "integerBits" | "waitForGrantsMs" | "onWaiting" | "onRun" | "profileEvery" | "timeoutMs" | "twin"
    > {}

/** A driver's session with the parties of a cluster. */
export async function connect(clusterFile: string, options: ConnectOptions = {}): Promise<Session> {
  checkOptions("connect", options, {
    ...identityNames,
    fraction: true,
    integerBits: true,
    waitForGrantsMs: true,
    onWaiting: true,
    onRun: true,
    profileEvery: true,
    timeoutMs: true,
    twin: true,
  });
  const { cluster, parties, definition, user, close } = await reach(clusterFile, "driver", options);
  const serving = servingOf(cluster);
  const session = new Session({ ...options, definition, parties, serving, name: user.name, close });
  try {
    await session.refresh();
    return session;
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where clients of served models connect. */
const servingOf = ({ parties }: Cluster) =>
  parties.flatMap(({ host, serve, pin }) =>
    serve === undefined ? [] : [{ url: `https://${host.includes(":") ? `[${host}]` : host}:${serve}`, pin }],
  );

/** An owner's connection to the parties of a cluster. */
export async function connectOwner(clusterFile: string, options: IdentityOptions = {}): Promise<Owner> {
  checkOptions("connectOwner", options, identityNames);
  const { parties, definition, user, close } = await reach(clusterFile, "owner", options);
  return new Owner({ definition, parties, name: user.name, close });
}

export interface Reached {
  readonly cluster: Cluster;
  readonly definition: ProtocolDefinition;
  readonly parties: readonly PartyCaller[];
  readonly user: ClusterUser;
  close(): Promise<void>;
}

/** Connects to all parties and waits until they are in session with each other. */
export async function reach(
  clusterFile: string,
  role: ClusterUser["role"] | undefined,
  options: IdentityOptions,
): Promise<Reached> {
  const { cluster, user, callers, definition, close } = await prepare(clusterFile, role, options);
  try {
    await allUp(cluster, callers, options.connectTimeoutMs ?? 10_000);
    return { cluster, definition, parties: callers, user, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Callers of all parties, of which some may be down: nothing is sent yet. */
export async function prepare(clusterFile: string, role: ClusterUser["role"] | undefined, options: IdentityOptions) {
  const cluster = await readCluster(clusterFile);
  const definition = protocolNamed(cluster.protocol);
  if (cluster.parties.length !== definition.parties)
    throw new InputError(
      `${clusterFile}: expected ${definition.parties} parties for ${definition.name}, got ${cluster.parties.length}`,
    );
  const user = chooseUser(cluster, role, options.as, clusterFile);
  const path = options.key ?? join(dirname(clusterFile), "keys", `${user.name}.pem`);
  const identity = await readIdentity(path);
  checkPin(identity, user.name, user.pin, path);
  const callers = cluster.parties.map(
    ({ name, host, port, pin }, index) =>
      new TlsCaller({
        host,
        port,
        identity,
        timeoutMs: cluster.timeoutMs,
        expected: { name, role: "party", index, fingerprint: pin },
      }),
  );
  const close = async () => {
    await Promise.all(callers.map((caller) => caller.close()));
  };
  return { cluster, definition, user, callers, close };
}

function chooseUser(
  cluster: Cluster,
  role: ClusterUser["role"] | undefined,
  as: string | undefined,
  where: string,
): ClusterUser {
  const fitting = cluster.users.filter((user) => role === undefined || user.role === role);
  const user =
    as === undefined ? (fitting.length === 1 ? fitting[0] : undefined) : cluster.users.find(({ name }) => name === as);
  const names = fitting.map(({ name }) => name).join(", ") || "none";
  const wanted = role === undefined ? "a user" : role === "owner" ? "an owner" : `a ${role}`;
  if (!user)
    throw new InputError(
      `${where}: expected ${wanted} (${names}), got ${as ?? "no name"}; try one of them: --user NAME, or { as: "NAME" } in a program`,
    );
  if (role !== undefined && user.role !== role)
    throw new InputError(
      `${where}: expected ${wanted}, got ${user.name}, whose role is ${user.role}; try one of: ${names}`,
    );
  return user;
}

const hello = v.object({
  protocol: v.string(),
  parties: v.array(v.string()),
  index: v.number(),
  session: v.string(),
  missingPeers: v.optional(v.array(v.string()), []),
});

/** Each party answers, is who it should be, and is in session with its peers. Retries until the time is over. */
async function allUp(cluster: Cluster, callers: readonly PartyCaller[], timeoutMs: number): Promise<void> {
  const names = cluster.parties.map((party) => party.name);
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let problem: Error;
    try {
      const answers = await callAll(callers, "hello", () => ({ params: {} }), { timeoutMs });
      const read = answers.map(({ result }, i) => parse(hello, result, `hello of ${names[i]}`));
      read.forEach((answer, i) => {
        if (answer.index !== i || answer.protocol !== cluster.protocol || answer.parties.join() !== names.join())
          throw new HandshakeError(
            `hello of ${names[i]}: expected party ${i} of ${names} with ${cluster.protocol}, got another cluster; try its cluster file`,
          );
      });
      if (read.every(({ session }) => session === "up")) return;
      const missing = [...new Set(read.flatMap(({ missingPeers }) => missingPeers))].join(", ") || "a peer";
      problem = new PeerLostError(
        `parties: expected a session between ${names.join(", ")}, but ${missing} is missing; try \`secretgrad status\``,
        missing,
      );
    } catch (error) {
      // Only "nobody there yet" is worth another try.
      if (!(error instanceof PeerLostError)) throw error;
      problem = error;
    }
    if (Date.now() + 100 >= deadline) throw problem;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
