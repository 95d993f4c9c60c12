/**
 * All correlations that a party has: finds those for a run, and sees to it that each is used once. Not the agreement of the
 * parties on which, see ../runs.ts.
 *
 * What was used stands twice: beside the file, and in the party's own ledger. So neither a fresh copy of the file nor a fresh
 * data directory makes a party use anything again; and its peers refuse what they have used.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DealtMissingError, InputError, PolicyError } from "../../errors.js";
import type { ProtocolDefinition } from "../../protocol/index.js";
import type { Ledger } from "../ledger.js";
import { type Logger, silent } from "../logger.js";
import type { KnownPlan } from "../plans.js";
import { canonical } from "../schemas.js";
import { shown, systemError } from "../storage/durable.js";
import { type Dealt, DealtFile } from "./file.js";

/** Which segment a run takes, by the id of the files. */
export interface Segment {
  readonly file: string;
  readonly number: number;
}
/** Whose files these must be. */
export interface DealtTo {
  readonly definition: ProtocolDefinition;
  readonly names: readonly string[];
  readonly self: number;
  readonly library: string;
}
/** What a party says of one file. */
export interface DealtView {
  readonly plan: string;
  readonly scalars: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly left: number;
}

/** A run as its correlations depend on it. */
export interface DealtRun {
  readonly plan: Pick<KnownPlan, "digest" | "scalars" | "dealt">;
  readonly scalars: ReadonlyMap<string, number>;
}

export class DealtFiles {
  readonly #paths: readonly string[];
  readonly #to: DealtTo;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  /** By id. */
  readonly #files = new Map<string, DealtFile>();
  readonly #known = new Set<string>();

  /**
   * Opens files, and in directories all files NAME.deal, also one level down; those may get more later. Throws StorageError for
   * a damaged file, InputError for one that is not this party's.
   */
  constructor(paths: readonly string[], to: DealtTo, ledger: Ledger, log: Logger = silent) {
    this.#log = log;
    this.#paths = paths;
    this.#to = to;
    this.#ledger = ledger;
    try {
      this.#look();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  list(): DealtView[] {
    return [...this.#files.values()].map((file) => {
      const { plan, scalars, steps } = file.header;
      return { plan, scalars, steps, left: steps - this.#next(file) };
    });
  }

  /** What the run should take next; undefined if it needs nothing. Throws DealtMissingError if there is nothing left. */
  next(run: DealtRun): Segment | undefined {
    if (!run.plan.dealt) return undefined;
    const files = this.#of(run);
    const file = files.find((each) => this.#next(each) < each.header.steps);
    if (!file)
      throw new DealtMissingError(
        `${title(run)}: expected correlations that were never used, got ${files.reduce((sum, { header }) => sum + header.steps, 0)} used ones; try \`secretgrad deal\` again, with another --out`,
      );
    return { file: file.header.id, number: this.#next(file) };
  }

  /**
   * Throws unless the run may take this segment here: right file, never used, undamaged. Changes nothing. InputError, PolicyError,
   * DealtMissingError, StorageError.
   */
  check(run: DealtRun, segment: Segment | undefined): void {
    if (run.plan.dealt !== (segment !== undefined))
      throw new InputError(`${title(run)}: expected a proposal with correlations if it needs any, got the opposite`);
    if (!segment) return;
    const file = this.#of(run, segment.file).find(({ header }) => header.id === segment.file);
    if (!file)
      throw new InputError(
        `${title(run)}: expected the files of one deal at all parties, got other ones here; try those that were made together`,
      );
    const next = this.#next(file);
    if (segment.number < next)
      throw new PolicyError(
        `${title(run)}: expected segment ${next} or a later one, which were never used here, got ${segment.number}; try again`,
      );
    file.check(segment.number);
  }

  /** When it returns, it is durable that the segment, and all before, are used. After `check`. */
  use({ file: id, number }: Segment): Dealt {
    const file = this.#files.get(id)!;
    this.#ledger.useDealt(id, number + 1);
    file.use(number);
    this.#tell(file);
    return file.open(number);
  }

  /** Once where a tenth is left, and at the end: a new deal takes its time. */
  #tell(file: DealtFile): void {
    const { plan, steps } = file.header;
    const left = steps - this.#next(file);
    if (left === 0) this.#log.warn("dealt ahead: used up", { plan: plan.slice(0, 12), of: steps });
    else if (left === Math.floor(steps / 10))
      this.#log.warn("dealt ahead: few runs left", { plan: plan.slice(0, 12), left, of: steps });
  }

  /** The first segment that was never used here, if that is a later one. */
  ahead({ file: id, number }: Segment): number | undefined {
    const file = this.#files.get(id);
    const next = file && this.#next(file);
    return next !== undefined && next > number ? next : undefined;
  }

  /** A peer has used all before `next`. */
  skipTo(id: string, next: number): void {
    const file = this.#files.get(id);
    if (!file || this.#next(file) >= next) return;
    const last = Math.min(next, file.header.steps) - 1;
    this.#ledger.useDealt(id, last + 1);
    file.use(last);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #next(file: DealtFile): number {
    return Math.min(Math.max(file.next, this.#ledger.dealtNext(file.header.id)), file.header.steps);
  }

  /** Files for the run, with this id among them if there is one; looks for new ones where there is none, or none left. */
  #of(run: DealtRun, id?: string): DealtFile[] {
    const { digest } = run.plan;
    const wanted = canonical(Object.fromEntries(numbersOf(run)));
    const ofPlan = () => [...this.#files.values()].filter(({ header }) => header.plan === digest);
    const fitting = () => ofPlan().filter(({ header }) => canonical(header.scalars) === wanted);
    const found = (file: DealtFile) =>
      id === undefined ? this.#next(file) < file.header.steps : file.header.id === id;
    if (!fitting().some(found)) this.#look();
    const files = fitting();
    if (files.length > 0) return files;
    const numbers = numbersOf(run).map(([slot, value]) => `${slot}=${value}`);
    const options = numbers.length > 0 ? ` --scalars ${numbers.join()}` : "";
    const [other] = ofPlan();
    const got = other
      ? `some for ${Object.entries(other.header.scalars).map(([slot, value]) => `${slot}=${value}`)}`
      : "none";
    throw new DealtMissingError(
      `${title(run)}: expected correlations for it${numbers.length > 0 ? ` with ${numbers.join()}` : ""}, got ${got}; try \`secretgrad plan ${digest.slice(0, 12)} --save FILE\`, then \`secretgrad deal FILE${options} --steps N --out DIR\``,
    );
  }

  #look(): void {
    const name = `${this.#to.names[this.#to.self]}.deal`;
    for (const path of this.#paths.flatMap((each) => filesIn(each, name))) {
      if (this.#known.has(path)) continue;
      const file = new DealtFile(path);
      try {
        this.#expectOurs(file);
      } catch (error) {
        file.close();
        throw error;
      }
      this.#known.add(path);
      this.#files.set(file.header.id, file);
      const { plan, steps } = file.header;
      const left = steps - this.#next(file);
      this.#log.info("dealt ahead: loaded", { file: shown(path), plan: plan.slice(0, 12), left, of: steps });
    }
  }

  #expectOurs({ path, header }: DealtFile): void {
    const { definition, names, self, library } = this.#to;
    for (const [what, expected, got] of [
      ["party", names[self], header.party],
      ["parties", names.join(), header.parties.join()],
      ["protocol", definition.name, header.protocol],
      ["release", library, header.library],
    ] as const)
      if (expected !== got)
        throw new InputError(
          `${shown(path)}: expected correlations for ${what} ${expected}, got some for ${got}; try the file of this party and cluster`,
        );
    if (this.#files.has(header.id))
      throw new InputError(`${shown(path)}: expected each file once, got the same one twice; try removing a copy`);
  }
}

const title = ({ plan }: DealtRun): string => `plan ${plan.digest.slice(0, 12)}`;

/** The run-time numbers: what the correlations depend on, unlike row positions. */
function numbersOf({ plan, scalars }: DealtRun): [string, number][] {
  return plan.scalars.flatMap(({ slot, kind }): [string, number][] =>
    kind === "number" ? [[slot, scalars.get(slot)!]] : [],
  );
}

/** The path itself, or what lies in the directory. */
function filesIn(path: string, name: string): string[] {
  const kind = (each: string) => statSync(each, { throwIfNoEntry: false });
  try {
    const stat = kind(path);
    if (!stat)
      throw new InputError(
        `dealt ahead: expected a file or directory at ${shown(path)}, got none; try --dealt with where the file of this party lies`,
      );
    if (!stat.isDirectory()) return [path];
    const folders = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name))
      .sort();
    return [path, ...folders].map((folder) => join(folder, name)).filter((file) => kind(file)?.isFile());
  } catch (error) {
    throw systemError(path, "read", error);
  }
}
