/**
 * The variables of a party in versions: each run that assigns makes a new one, and older ones stay until every party has
 * reported that run complete. Not the agreement on which version counts, which is sync.ts and runs.ts.
 */
import { NameError, StorageError } from "../errors.js";
import type { Protocol, Share } from "../protocol/index.js";
import type { Ring, Scope } from "../ring/index.js";
import type { CheckpointStore } from "./stores.js";
import type { VariableMeta } from "./variable-meta.js";

/** A share in the store's memory and how many versions (and drafts) refer to it. */
interface Held {
  readonly share: Share;
  /** Taken modulo 2^32, since a run first asked for that: its mask is opened once, as the share's own is. */
  reduced?: Share;
  references: number;
}
interface Entry {
  readonly meta: VariableMeta;
  readonly held: Held;
}
/** All variables after one run. */
interface Version {
  readonly run: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** Checkpoints that are kept besides those that peers may still need. */
const KEPT = 2;

export class Variables {
  readonly #scope: Scope;
  /** Of the reduced shares. */
  readonly #narrowScope: Scope;
  readonly #store: CheckpointStore;
  /** Ascending; the last one is what the next run reads. Never empty: version 0 has no variables. */
  #versions: Version[] = [{ run: 0, entries: new Map() }];
  readonly #held = new WeakMap<Share, Held>();
  /** Checkpoints that could not be read: the next session does without them. */
  readonly #damaged = new Set<number>();
  /** Of the session; memory outlives it. */
  #protocol: Protocol | undefined;

  constructor(ring: Ring, store: CheckpointStore) {
    this.#scope = ring.scope();
    this.#narrowScope = ring.narrow.scope();
    this.#store = store;
  }

  get current(): Version {
    return this.#versions.at(-1)!;
  }
  get catalogue(): ReadonlyMap<string, VariableMeta> {
    return new Map([...this.current.entries].map(([name, { meta }]) => [name, meta]));
  }
  /** Versions that this party could go back to. */
  get versions(): readonly number[] {
    return this.#versions.map((version) => version.run);
  }
  /** Checkpoints that this party could go back to. */
  get checkpoints(): readonly number[] {
    return this.#store.list().filter((run) => !this.#damaged.has(run));
  }

  /** The current share; the store keeps owning it. */
  read(name: string): Share {
    return this.#current(name).share;
  }

  /** The same modulo 2^32, for an end over that ring. */
  readReduced(name: string, protocol: Protocol): Share {
    const held = this.#current(name);
    held.reduced ??= protocol.reduced(this.#narrowScope, held.share);
    return held.reduced;
  }

  #current(name: string): Held {
    const entry = this.current.entries.get(name);
    if (!entry)
      throw new NameError(`variable ${name}: expected one that was assigned, got none; try assigning it first`);
    return entry.held;
  }

  /** Goes back to the version after `run` and forgets all others, in memory, and newer ones on disk. */
  restore(run: number, protocol: Protocol): void {
    this.#protocol = protocol;
    let target = this.#versions.find((version) => version.run === run);
    if (!target) target = run === 0 ? { run: 0, entries: new Map() } : this.#load(run, protocol);
    for (const version of this.#versions) if (version !== target) this.#release(version);
    this.#versions = [target];
    // Run 0 says that some party has nothing, perhaps by a mistake of its operator: then nothing is thrown away.
    if (run > 0) for (const newer of this.#store.list()) if (newer > run) this.#store.remove(newer);
  }

  #load(run: number, protocol: Protocol): Version {
    const entries = new Map<string, Entry>();
    try {
      for (const { name, meta, bytes } of this.#store.load(run)) {
        const held = { share: protocol.load(this.#scope, bytes), references: 1 };
        this.#held.set(held.share, held);
        entries.set(name, { meta, held });
      }
    } catch (error) {
      this.#release({ run, entries });
      this.#damaged.add(run);
      throw error;
    }
    return { run, entries };
  }

  /** What one run is about to change. */
  draft(): Draft {
    return new Draft(
      (share, from) => this.#adopt(share, from),
      (held) => this.#drop(held),
    );
  }

  /** Makes the draft the current version, if it changes anything. Local: peers may not have come so far. */
  commit(run: number, draft: Draft): void {
    const changes = draft.take();
    if (changes.size === 0) return;
    const entries = new Map(this.current.entries);
    for (const [name, entry] of changes)
      if (entry) entries.set(name, entry);
      else entries.delete(name);
    // The draft's references become the version's; what did not change gets one more.
    for (const [name, entry] of entries) if (changes.get(name) !== entry) entry.held.references++;
    this.#versions.push({ run, entries });
  }

  /** All parties hold the version of this run, or a newer one: older ones are no longer needed. */
  acknowledge(run: number): void {
    while (this.#versions.length > 1 && this.#versions[1]!.run <= run) this.#release(this.#versions.shift()!);
  }

  /** Writes the version that was current after `run` and is now; resolves when it is durable. Copies before it returns. */
  async checkpoint(): Promise<number> {
    const { run, entries } = this.current;
    const protocol = this.#protocol;
    if (!protocol) throw new StorageError("checkpoint: expected a party that has been in a session, got a fresh one");
    if (run === 0 || this.#store.list().includes(run)) return run;
    await this.#store.save(
      run,
      [...entries].map(([name, { meta, held }]) => ({ name, meta, bytes: protocol.save(held.share) })),
    );
    return run;
  }

  /** Removes old checkpoints; `common` is the newest that all parties have. */
  prune(common: number): void {
    const runs = [...this.#store.list()];
    for (const run of runs.slice(0, -KEPT)) if (run < common) this.#store.remove(run);
  }

  /**
   * No two names share an object, not even for equal values: masks belong to objects, and a party that loads variables from
   * its disk makes one for each name, too.
   */
  #adopt(share: Share, from: Scope): Held {
    const protocol = this.#protocol!;
    const known = this.#held.get(share);
    const own = known
      ? protocol.load(this.#scope, protocol.save(known.share))
      : protocol.move(share, from, this.#scope);
    const held = { share: own, references: 1 };
    this.#held.set(own, held);
    // The run may still know it by its old name, and assign it to a second variable.
    if (!known) this.#held.set(share, held);
    return held;
  }

  #release(version: Version): void {
    for (const { held } of version.entries.values()) this.#drop(held);
  }

  #drop(held: Held): void {
    if (--held.references > 0) return;
    this.#protocol!.free(this.#scope, held.share);
    if (held.reduced) this.#protocol!.free(this.#narrowScope, held.reduced);
  }
}

/** The new values of one run. Either committed or discarded. */
export class Draft {
  #changes = new Map<string, Entry | undefined>();
  readonly #adopt: (share: Share, from: Scope) => Held;
  readonly #drop: (held: Held) => void;

  /** @internal Use Variables.draft. */
  constructor(adopt: (share: Share, from: Scope) => Held, drop: (held: Held) => void) {
    this.#adopt = adopt;
    this.#drop = drop;
  }

  /** Takes the share over from the run's scope. */
  assign(name: string, share: Share, from: Scope, meta: VariableMeta): void {
    const held = this.#adopt(share, from);
    const before = this.#changes.get(name);
    this.#changes.set(name, { meta, held });
    if (before) this.#drop(before.held);
  }
  remove(name: string): void {
    const before = this.#changes.get(name);
    this.#changes.set(name, undefined);
    if (before) this.#drop(before.held);
  }
  discard(): void {
    for (const entry of this.take().values()) if (entry) this.#drop(entry.held);
  }
  /** @internal The changes, which the draft then forgets. */
  take(): Map<string, Entry | undefined> {
    const changes = this.#changes;
    this.#changes = new Map();
    return changes;
  }
}
