/** Makes a cluster's files. Used by `secretgrad init` and the demo; nothing that exists is ever overwritten. */
import { access, mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { identityText } from "../src/client/identity-file.js";
import { InputError } from "../src/errors.js";
import { createIdentity, fingerprint } from "../src/net/index.js";
import { type Cluster, checkCluster } from "../src/party/cluster.js";
import { protocolNamed } from "../src/protocol/index.js";
import { secureRandom } from "../src/random/index.js";

export interface NewCluster {
  readonly protocol: string;
  readonly parties: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly serve?: number;
  }[];
  readonly users: readonly { readonly name: string; readonly role: "owner" | "driver" }[];
  readonly timeoutMs?: number;
}
export interface MadeCluster {
  readonly cluster: Cluster;
  readonly clusterFile: string;
  /** Files by name. */
  readonly keys: Readonly<Record<string, string>>;
  readonly storageKeys: Readonly<Record<string, string>>;
}

const placeholder = "0".repeat(64);

export async function createCluster(directory: string, wanted: NewCluster): Promise<MadeCluster> {
  const definition = protocolNamed(wanted.protocol);
  if (wanted.parties.length !== definition.parties)
    throw new InputError(
      `init: expected ${definition.parties} names for ${definition.name}${definition.dealer === undefined ? "" : ", the last being the dealer"}, got ${wanted.parties.length}; try --parties`,
    );
  // Names and ports are checked before any key is made; the pins are not known yet.
  const names = [...wanted.parties, ...wanted.users].map(({ name }) => name);
  checkCluster(
    {
      protocol: wanted.protocol,
      parties: wanted.parties.map((party, i) => ({ ...party, pin: distinct(i) })),
      users: wanted.users.map((user, i) => ({ ...user, pin: distinct(wanted.parties.length + i) })),
    },
    "init",
  );
  const clusterFile = join(directory, "cluster.json");
  const keys = Object.fromEntries(names.map((name) => [name, join(directory, "keys", `${name}.pem`)]));
  const storageKeys = Object.fromEntries(
    wanted.parties.map(({ name }) => [name, join(directory, "storage-keys", `${name}.key`)]),
  );
  for (const file of [clusterFile, ...Object.values(keys), ...Object.values(storageKeys)]) await expectNone(file);

  const identities = await Promise.all(names.map((name) => createIdentity(name)));
  const pin = (name: string) => fingerprint(identities.find((identity) => identity.name === name)!.certPem);
  const cluster = checkCluster({
    protocol: wanted.protocol,
    parties: wanted.parties.map((party) => ({ ...party, pin: pin(party.name) })),
    users: wanted.users.map(({ name, role }) => ({ name, role, pin: pin(name) })),
    ...(wanted.timeoutMs === undefined ? {} : { timeoutMs: wanted.timeoutMs }),
  });
  for (const folder of ["keys", "storage-keys"]) {
    await mkdir(join(directory, folder), { recursive: true, mode: 0o700 });
    // A cluster inside of a repository: private keys must not be committed with it.
    await writeFile(join(directory, folder, ".gitignore"), "*\n", { mode: 0o600 });
  }
  for (const identity of identities) await writeNew(keys[identity.name]!, identityText(identity), 0o600);
  for (const file of Object.values(storageKeys)) await writeNew(file, secureRandom(32), 0o600);
  // Last, so that a cluster file means that everything is there.
  await writeNew(clusterFile, `${JSON.stringify(cluster, null, 2)}\n`, 0o644);
  return { cluster, clusterFile, keys, storageKeys };
}

const distinct = (i: number): string => (placeholder + i.toString(16)).slice(-64);

async function expectNone(file: string): Promise<void> {
  try {
    await access(file);
  } catch {
    return;
  }
  throw new InputError(`init: expected to make ${file}, got one that exists; try another directory`);
}

/** Fails if somebody made the file meanwhile. */
export async function writeNew(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`expected to make ${file}, got ${cause.code}; try another directory`, { cause });
  });
  try {
    await handle.writeFile(content);
  } finally {
    await handle.close();
  }
}
