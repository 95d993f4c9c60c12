/** Ways to a mesh: all parties in this process, given connections, or TLS to the addresses of the peers. */
import { PeerLostError } from "../errors.js";
import type { Identity } from "./certificates.js";
import { type Agreement, checkAgreement, handshake, localSecrets } from "./handshake.js";
import { LinkedConnection, type LinkModel } from "./link.js";
import { LinkedMesh } from "./linked-mesh.js";
import { memoryPair } from "./memory.js";
import type { Mesh, MeshOptions } from "./mesh.js";
import type { PeerInbox } from "./peer-inbox.js";
import { dial } from "./tls.js";
import type { Connection } from "./transport.js";

export interface MemoryMeshOptions extends MeshOptions {
  /** Makes every link slow. */
  readonly link?: LinkModel;
}

/** The meshes of all parties of a new session, in this process. For local() and tests: no secrecy between parties. */
export function createMemoryMeshes(names: readonly string[], options: MemoryMeshOptions = {}): Mesh[] {
  const agreement = { library: "", kernels: "", protocol: "", label: "memory", names };
  checkAgreement({ ...agreement, self: 0 });
  const secrets = localSecrets(agreement);
  const links = memoryLinks(names, options.link);
  return names.map((_, self) => new LinkedMesh(self, names, links[self]!, secrets[self]!, options));
}

/** Memory connections between all pairs: `links[i][j]` is the end of party i towards party j. */
export function memoryLinks(names: readonly string[], model?: LinkModel): (Connection | undefined)[][] {
  const links = names.map((): (Connection | undefined)[] => names.map(() => undefined));
  const slow = (connection: Connection) => (model ? new LinkedConnection(connection, model) : connection);
  for (let i = 0; i < names.length; i++)
    for (let j = i + 1; j < names.length; j++) {
      const [first, second] = memoryPair(names[i]!, names[j]!);
      links[i]![j] = slow(first);
      links[j]![i] = slow(second);
    }
  return links;
}

/** Handshake with all peers over given connections, then the mesh. On failure all connections are closed. */
export async function establishMesh(
  links: readonly (Connection | undefined)[],
  agreement: Agreement,
  options: MeshOptions & { readonly handshakeTimeoutMs?: number } = {},
): Promise<Mesh> {
  const secrets = await handshake(links, agreement, options.handshakeTimeoutMs ?? 10_000);
  return new LinkedMesh(agreement.self, agreement.names, links, secrets, options);
}

/** Where a peer listens and the fingerprint of its key. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  readonly fingerprint: string;
}

export interface TlsMeshOptions extends MeshOptions {
  readonly agreement: Agreement;
  readonly identity: Identity;
  /** By party index; the own entry is not used. */
  readonly peers: readonly (PeerAddress | undefined)[];
  /** Where the daemon's listener puts connections of parties. */
  readonly inbox: PeerInbox;
  /** Until all peers are connected and agree. Default 30 s. */
  readonly connectTimeoutMs?: number;
  readonly link?: LinkModel;
}

/**
 * Connects to all peers over TLS: the lower index dials, the higher one finds the connection in its inbox.
 * Retries while a peer is not up yet; a wrong key or configuration fails at once.
 */
export async function connectTlsMesh(options: TlsMeshOptions): Promise<Mesh> {
  const { agreement, identity, peers, inbox, link } = options;
  checkAgreement(agreement);
  const { names, self } = agreement;
  const deadline = performance.now() + (options.connectTimeoutMs ?? 30_000);
  const abort = new AbortController();
  const opened: Connection[] = [];
  const one = async (index: number): Promise<Connection | undefined> => {
    if (index === self) return undefined;
    const name = names[index]!;
    const address = peers[index];
    let connection: Connection;
    if (index < self) connection = await inbox.take(name, deadline - performance.now(), abort.signal);
    else if (address) connection = await dialUntil(address, identity, name, index, deadline, abort.signal);
    else throw new PeerLostError(`connect: expected an address of ${name}, got none; try peers[${index}]`, name);
    if (abort.signal.aborted) connection.close();
    opened.push(connection);
    return link ? new LinkedConnection(connection, link) : connection;
  };
  try {
    const links = await Promise.all(names.map((_, index) => one(index)));
    const left = Math.max(1, deadline - performance.now());
    return await establishMesh(links, agreement, { ...options, handshakeTimeoutMs: left });
  } catch (error) {
    abort.abort();
    for (const connection of opened) connection.close(error as Error);
    throw error;
  }
}

async function dialUntil(
  { host, port, fingerprint }: PeerAddress,
  identity: Identity,
  name: string,
  index: number,
  deadline: number,
  signal: AbortSignal,
): Promise<Connection> {
  for (let pause = 50; ; pause = Math.min(1000, pause * 2)) {
    try {
      const left = Math.max(1, deadline - performance.now());
      return await dial(host, port, identity, { fingerprint, name, role: "party", index }, left);
    } catch (error) {
      // Only "nobody there yet" is worth another try.
      if (!(error instanceof PeerLostError) || signal.aborted || performance.now() + pause >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
