/**
 * Datasets on their way in: who may upload what, and the agreement of the parties before one becomes visible. Not how
 * they are stored, see storage/datasets.ts.
 */
import { type DatasetMeta, metaDigest } from "../data/share-meta.js";
import { InputError, NameError, PolicyError, SessionEndedError } from "../errors.js";
import type { Caller } from "./cluster.js";
import type { Core } from "./core.js";
import { SEED_BYTES, seedsAt } from "./inputs.js";
import { ownerOf } from "./schemas.js";
import type { Session } from "./session.js";
import { resolveUpload, type UploadState } from "./storage/index.js";

export class Uploads {
  readonly #core: Core;
  readonly #session: () => Session | undefined;

  constructor(core: Core, session: () => Session | undefined) {
    this.#core = core;
    this.#session = session;
  }

  begin(caller: Caller, meta: DatasetMeta, body: Uint8Array): void {
    const { datasets, definition, names, self, limits } = this.#core;
    expectOwner(caller, meta.name);
    const keeps = definition.sharing.keepsCorrection[self];
    const protocolFits = meta.protocol === definition.name && meta.parties.join() === names.join();
    if (!protocolFits || meta.keepsCorrection !== keeps)
      throw new InputError(
        `dataset.begin: expected a sharing for ${definition.name} among ${names.join(", ")}, got one for ${meta.protocol} among ${meta.parties.join(", ")}; try sharing it for this cluster`,
      );
    const seeds = seedsAt(definition, self);
    if (body.length !== seeds * SEED_BYTES)
      throw new InputError(`dataset.begin: expected ${seeds} seeds of ${SEED_BYTES} bytes, got ${body.length} bytes`);
    // An owner who starts again has given up the upload before.
    for (const { name, owner, idleMs } of datasets.uploads())
      if (idleMs > limits.uploadIdleMs || (name === meta.name && owner === caller.name)) datasets.abort(name);
    if (datasets.list().length + datasets.prepared().length + datasets.uploads().length >= limits.datasets)
      throw new PolicyError(
        `dataset.begin: expected at most ${limits.datasets} datasets, got one more; try removing some`,
      );
    datasets.begin(
      meta,
      caller.name,
      // Copies, also of a Buffer, whose `slice` would be a view.
      Array.from({ length: seeds }, (_, i) => new Uint8Array(body.subarray(i * SEED_BYTES, (i + 1) * SEED_BYTES))),
    );
  }

  append(caller: Caller, name: string, offset: number, bytes: Uint8Array): void {
    expectOwner(caller, name);
    this.#core.datasets.append(name, offset, bytes);
  }

  async commit(caller: Caller, name: string, digest: string): Promise<void> {
    expectOwner(caller, name);
    await this.#core.datasets.commit(name, digest);
  }

  /** Makes a dataset visible here if all parties have all of it. */
  async publish(caller: Caller, name: string): Promise<void> {
    expectOwner(caller, name);
    const { datasets, names } = this.#core;
    const own = datasets.state(name);
    if (own?.state !== "prepared" && own?.state !== "published")
      throw new NameError(
        `dataset.publish: expected a committed upload of ${name}, got none; try dataset.commit first`,
      );
    const states = await this.#askAll(name);
    const missing = names.filter((_, party) => {
      const state = states[party];
      return state?.digest !== own.digest || state.state === "uploading";
    });
    if (missing.length > 0)
      throw new InputError(
        `dataset.publish: expected ${name} to be committed at all parties, got none or another at ${missing.join(", ")}; try sharing it again`,
      );
    datasets.publish(name);
  }

  /** Gives an upload up, unless a peer has published it already: then it is whole everywhere. */
  async abort(caller: Caller, name: string): Promise<void> {
    expectOwner(caller, name);
    const { datasets, self } = this.#core;
    const own = datasets.state(name);
    if (own?.state === "prepared" && this.#session()?.up) {
      const peers = (await this.#askAll(name)).filter((_, party) => party !== self);
      const published = peers.some((peer) => peer?.state === "published");
      if (published && resolveUpload(own, peers) === "publish") return datasets.publish(name);
    }
    datasets.abort(name);
  }

  remove(caller: Caller, name: string, inUse: boolean): void {
    expectOwner(caller, name);
    if (inUse) throw new PolicyError(`dataset.remove: expected no run under way, got one; try again in a moment`);
    this.#core.datasets.remove(name);
  }

  #askAll(name: string): Promise<(UploadState | undefined)[]> {
    const { names, self, datasets } = this.#core;
    const session = this.#session();
    if (!session?.up)
      throw new SessionEndedError(
        "dataset: expected all parties to be connected, got a session that is down; try later",
      );
    return Promise.all(
      names.map((_, party) => (party === self ? Promise.resolve(datasets.state(name)) : session.ask(party, name))),
    );
  }
}

/** What binds a stored dataset's identity in the tags of a run. */
export const datasetLabel = (meta: DatasetMeta): string => metaDigest(meta);

function expectOwner({ name: caller }: Caller, dataset: string): void {
  const owner = ownerOf(dataset);
  if (owner !== caller)
    throw new PolicyError(`dataset ${dataset}: expected its owner ${owner}, got ${caller}; try a name ${caller}/…`);
}
