/**
 * Deals ahead: runs the dealer's end of a plan as often as it shall be run, and writes what it would send to each party to
 * that party's file. Talks to nobody and holds no data; whoever has all files can undo every share.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compile, execute } from "../../engine/index.js";
import { InputError } from "../../errors.js";
import type { EvalHost } from "../../ops/index.js";
import {
  type Plan,
  planCost,
  planDatasets,
  planScalars,
  planVariables,
  scalarFits,
  wordBytesOf,
} from "../../plan/index.js";
import type { Protocol, ProtocolDefinition } from "../../protocol/index.js";
import { Prg, secureRandom } from "../../random/index.js";
import { Ring, size } from "../../ring/index.js";
import { dealtCoinKey, type Network } from "../dealing.js";
import { DIRECTORY_MODE, FILE_MODE, renameDurably, systemError, writeAll } from "../storage/durable.js";
import type { CheckpointStore } from "../stores.js";
import { Variables } from "../variables.js";
import { accountPath, createAccount } from "./account.js";
import { type DealtHeader, encodeFrame, encodeHead, encodeSegment, segmentKey } from "./format.js";

export interface DealOptions {
  readonly plan: Plan;
  /** A protocol whose dealer deals ahead: additive-2-dealt. */
  readonly definition: ProtocolDefinition;
  /** Names of the parties, by index. */
  readonly names: readonly string[];
  /** Runs to deal for. */
  readonly steps: number;
  /** Mantissas of the plan's run-time numbers: the correlations fit these alone. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Version of this library; must be that of the parties. */
  readonly version: string;
  readonly directory: string;
  readonly onStep?: (done: number) => void;
}
export interface DealtOutput {
  readonly party: string;
  readonly path: string;
  readonly bytes: number;
}

/** Of the key that a party and the dealer have in common. */
const KEY_BYTES = 16;

/**
 * Writes DIR/NAME.deal and its account for each party, none before all are complete. Throws InputError for a plan that takes
 * nothing, other scalars than the plan's, or a file that exists; StorageError.
 */
export async function deal(options: DealOptions): Promise<{ id: string; files: DealtOutput[] }> {
  const { plan, definition, names, steps, directory } = options;
  const id = Buffer.from(secureRandom(16)).toString("hex");
  const dealer = new AheadDealer(options, id);
  const path = (name: string) => join(directory, `${name}.deal`);
  for (const name of names)
    for (const file of [path(name), accountPath(path(name))])
      if (existsSync(file))
        throw new InputError(`deal: expected to make ${file}, got one that exists; try another directory`);
  const writers: Writer[] = [];
  try {
    mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
    for (let number = 0; number < steps; number++) {
      const bodies = await dealer.segment(number);
      if (number === 0)
        for (const [i, party] of names.entries())
          writers.push(
            new Writer(path(party), {
              ...{ format: 1, protocol: definition.name, library: options.version, id, party, parties: [...names] },
              ...{ plan: plan.digest, scalars: { ...options.scalars }, steps, bodyBytes: bodies[i]!.length },
              key: Buffer.from(dealer.keys[i]!).toString("base64"),
            }),
          );
      writers.forEach((writer, i) => {
        writer.append(number, bodies[i]!);
      });
      options.onStep?.(number + 1);
      await new Promise(setImmediate);
    }
    return { id, files: writers.map((writer) => writer.commit()) };
  } catch (error) {
    for (const writer of writers) writer.abort();
    throw systemError(directory, "write to", error);
  } finally {
    for (const key of dealer.keys) key.fill(0);
  }
}

class AheadDealer {
  readonly keys: readonly Uint8Array[];
  readonly #ring = new Ring();
  readonly #coins: Prg;
  readonly #options: DealOptions;
  readonly #live: ProtocolDefinition;
  readonly #program;
  readonly #variables: Variables;

  constructor(options: DealOptions, id: string) {
    this.#coins = new Prg(dealtCoinKey(id));
    this.#options = options;
    const { plan, definition, names, steps, scalars } = options;
    const { live } = definition;
    if (live?.dealer === undefined)
      throw new InputError(
        `deal: expected a protocol whose dealer deals ahead, got ${definition.name}; try ${definition.name}-dealt`,
      );
    if (names.length !== definition.parties)
      throw new InputError(`deal: expected ${definition.parties} parties for ${definition.name}, got ${names.length}`);
    if (!Number.isSafeInteger(steps) || steps < 1 || steps > 2 ** 32)
      throw new InputError(`deal: expected 1 to 2^32 steps, got ${steps}`);
    const where = `deal: plan ${plan.digest.slice(0, 12)}`;
    if (planCost(plan, live).bytes[live.dealer] === 0)
      throw new InputError(
        `${where}: expected a plan that needs something dealt, got one that does not; try running it`,
      );
    const slots = planScalars(plan).flatMap(({ slot, kind }) => (kind === "number" ? [slot] : []));
    const fits = slots.every((slot) => scalarFits("number", scalars[slot] ?? Number.NaN));
    if (!fits || Object.keys(scalars).length !== slots.length)
      throw new InputError(
        `${where}: expected the mantissas of its numbers ${slots.join() || "(it has none)"}, got ${Object.keys(scalars).join() || "none"}; try the run first: its refusal tells them`,
      );
    this.#live = live;
    this.#program = compile(plan, live);
    this.keys = names.map(() => secureRandom(KEY_BYTES));
    this.#variables = new Variables(this.#ring, lengthsOf(plan));
  }

  /** By party, what the dealer sends in the run of this segment. */
  async segment(number: number): Promise<Buffer[]> {
    const ring = wordBytesOf(this.#options.plan) === 8 ? this.#ring : this.#ring.narrow;
    const { keys } = this;
    const { names } = this.#options;
    const self = this.#live.dealer!;
    const pairKey = (peer: number, label: string) => segmentKey(keys[peer]!, number, label);
    const protocol = this.#live.create({ ring, self, pairKey });
    this.#variables.restore(STORED, protocol);
    const frames: Buffer[][] = names.map(() => []);
    const mesh: Network = {
      self,
      parties: self + 1,
      exchange(_, round, send, receive, done) {
        if (receive.length > 0)
          throw new InputError("deal: expected a dealer that waits for nobody, got one that does");
        for (const { peer, parts } of send) frames[peer]!.push(encodeFrame(round, parts));
        queueMicrotask(done);
      },
    };
    const scope = ring.scope();
    const draft = this.#variables.draft();
    try {
      const host = this.#host(protocol, (name, share) => draft.assign(name, share, scope, unknownMeta));
      await execute(this.#program, { ring, protocol, mesh, run: number, host, scope });
    } finally {
      draft.discard();
      scope.close();
    }
    return frames.map((list) => Buffer.concat(list));
  }

  #host(protocol: Protocol, assign: EvalHost["assign"]): EvalHost {
    const { plan, scalars } = this.#options;
    const nothing = { seeds: [] };
    return {
      // Positions choose rows, of which the dealer has none.
      scalar: (slot) => BigInt(scalars[slot] ?? 0),
      coin: (nonce) => {
        const stream = this.#coins.stream(nonce);
        return (target) => stream.fill(target);
      },
      input: (_, rowWords) => ({ rowWords, rows: 1, stored: nothing }),
      dataset: (name) => {
        const { rows, rowShape } = planDatasets(plan).find((each) => each.name === name)!;
        return { rowWords: size(rowShape), rows, stored: nothing };
      },
      rows: ({ batch }) => new Uint32Array(batch),
      variable: (name) =>
        wordBytesOf(plan) === 8 ? this.#variables.read(name) : this.#variables.readReduced(name, protocol),
      assign,
      reveal: () => {},
    };
  }
}

const STORED = 1;
const unknownMeta = { shape: [], scale: 0, bound: 0, sources: [], writer: "dealer", run: STORED };

/**
 * The variables that a plan reads, as a dealer has them on its disk: it knows how long they are. Parties go through the same
 * motions with theirs.
 */
function lengthsOf(plan: Plan): CheckpointStore {
  const entries = planVariables(plan).read.map(({ name, type }) => ({
    name,
    meta: unknownMeta,
    bytes: new Uint8Array(BigUint64Array.of(BigInt(size(type.shape))).buffer),
  }));
  return { list: () => [STORED], load: () => entries, save: async () => {}, remove: () => false };
}

/** Writes one file, which has its name only when it is complete. */
class Writer {
  readonly #path: string;
  readonly #header: DealtHeader;
  readonly #digest: Buffer;
  #fd: number | undefined;
  #bytes: number;

  constructor(path: string, header: DealtHeader) {
    this.#path = path;
    this.#header = header;
    const head = encodeHead(header);
    this.#digest = head.subarray(-32);
    this.#fd = openSync(this.#temporary, "w", FILE_MODE);
    writeAll(this.#fd, head);
    this.#bytes = head.length;
  }

  get #temporary(): string {
    return `${this.#path}.tmp`;
  }

  append(number: number, body: Buffer): void {
    if (body.length !== this.#header.bodyBytes)
      throw new InputError(`deal: expected ${this.#header.bodyBytes} bytes a step, got ${body.length} in ${number}`);
    for (const bytes of encodeSegment(this.#digest, number, body)) {
      writeAll(this.#fd!, bytes);
      this.#bytes += bytes.length;
    }
  }

  commit(): DealtOutput {
    fsyncSync(this.#fd!);
    closeSync(this.#fd!);
    this.#fd = undefined;
    createAccount(this.#path, this.#header.id);
    renameDurably(this.#temporary, this.#path);
    return { party: this.#header.party, path: this.#path, bytes: this.#bytes };
  }

  abort(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#temporary, { force: true });
  }
}
