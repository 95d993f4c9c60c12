/**
 * Plans on their way to the parties: at most four at a time, run in the order in which they came, sent again where the parties
 * have forgotten them or where a grant may still come. Records nothing, and knows no tensors: that is session.ts.
 */
import { FrameError, GrantMissingError, NameError } from "../errors.js";
import { type Plan, wordBytesOf } from "../plan/index.js";
import { secureRandom } from "../random/index.js";
import type { Closing } from "../tensor/index.js";
import type { CallAll } from "./caller.js";
import { type RunReport, readAnswers } from "./run-answer.js";
import type { SessionOptions } from "./session-options.js";
import { shareInputs } from "./share-inputs.js";

const mostInFlight = 4;
const grantPollMs = 200;

export class RunQueue {
  /** What the newest run cost. */
  lastRun: RunReport | undefined;
  readonly #known = new Set<string>();
  /** Plans that have run: their grants are there, so that others may be sent right behind them. */
  readonly #proven = new Set<string>();
  readonly #inFlight = new Set<Promise<void>>();
  #order: Promise<void> = Promise.resolve();
  #sequence = 0;
  #newestDone = 0;
  #error: unknown;
  /** What a reveal was rejected with since runs were last in flight. */
  #told: unknown;

  constructor(
    private readonly options: SessionOptions,
    private readonly all: CallAll,
  ) {}

  /** Of a run that revealed nothing: until somebody has been told, nothing more is to be run. */
  get error(): unknown {
    return this.#error;
  }

  /** Tells the plan's reveals that it does not run; without any, the error waits for `throwPending`. */
  refuse({ undo, reveals }: Closing, error: unknown): void {
    undo?.();
    for (const reveal of reveals) reveal.reject(error);
    this.#error = reveals.length === 0 ? error : undefined;
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Runs a plan after all earlier ones. Resolves when there is room for another one; errors go to the plan's reveals, or are kept. */
  async run(closing: Closing): Promise<void> {
    const { plan, reveals } = closing;
    const number = ++this.#sequence;
    const earlier = [...this.#inFlight];
    const room = earlier.length < mostInFlight ? undefined : earlier[earlier.length - mostInFlight];
    const sent = this.#order.then(async () => {
      await room;
      // Else the run would fail for want of what the earlier one should have left, and hide why.
      if (this.#error) throw this.#error;
      await this.put(plan);
    });
    const run = sent
      .then(() => this.#run(closing, number, earlier))
      .catch((cause: unknown) => {
        closing.undo?.();
        for (const reveal of reveals) reveal.reject(cause);
        if (reveals.length === 0) this.#error ??= cause;
        else this.#told = cause;
      })
      .finally(() => {
        this.#inFlight.delete(run);
        if (this.#inFlight.size > 0) return;
        if (this.#error === this.#told) this.#error = undefined;
        this.#told = undefined;
      });
    // A plan that is new may be refused or wait for a grant; it holds up what comes after it, so that nothing overtakes it.
    this.#order = this.#proven.has(plan.digest) ? sent.catch(() => undefined) : run;
    this.#inFlight.add(run);
    await room;
  }

  /** Throws the error of an earlier run that revealed nothing, once. */
  throwPending(): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /** Makes a plan known to the parties, once. */
  async put(plan: Plan): Promise<void> {
    await this.options.prepare?.(plan);
    if (this.#known.has(plan.digest)) return;
    const answers = await this.all("plan.put", () => ({ params: {}, body: plan.bytes }));
    answers.forEach(({ result }, i) => {
      const { digest } = (result ?? {}) as { digest?: unknown };
      if (digest !== plan.digest)
        throw new FrameError(
          `plan: expected its digest from ${this.options.parties[i]!.name}, got another; try the same release`,
        );
    });
    this.#known.add(plan.digest);
  }

  async #run(closing: Closing, number: number, earlier: readonly Promise<void>[]): Promise<void> {
    const { plan } = closing;
    const deadline = Date.now() + (this.options.waitForGrantsMs ?? 0);
    let told = false;
    let sentAgain = false;
    for (;;) {
      try {
        await this.#attempt(closing, number);
        this.#proven.add(plan.digest);
        this.#newestDone = Math.max(this.#newestDone, number);
        return;
      } catch (error) {
        if (isForgotten(error, plan) && !sentAgain) {
          sentAgain = true;
          this.#known.delete(plan.digest);
          await this.put(plan);
        } else if (error instanceof GrantMissingError && Date.now() < deadline) {
          await Promise.all(earlier);
          if (this.#newestDone > number) throw error;
          if (!told) this.options.onWaiting?.(error.message, plan);
          told = true;
          await new Promise((resolve) => setTimeout(resolve, grantPollMs));
        } else throw error;
      }
    }
  }

  async #attempt(closing: Closing, number: number): Promise<void> {
    const { plan, scalars, feeds, reveals, watched = [] } = closing;
    const { definition, parties, twin, profileEvery } = this.options;
    const profile = profileEvery !== undefined && number % profileEvery === 0 ? { profile: true } : {};
    const request = hex(secureRandom(16));
    const bodies = shareInputs(definition, plan, feeds);
    const answers = await this.all("run", (party) => ({
      params: { request, digest: plan.digest, scalars, ...profile },
      body: bodies[party]!,
    }));
    const asked = [...reveals, ...watched];
    const { report, words } = readAnswers(parties, answers, asked, definition.sharing, wordBytesOf(plan));
    // Runs end in the order in which they were sent; what the parties have run counts for the twin, too.
    twin?.step(closing, words, report.run);
    // Revealed after a failed run: values that the failure may have made wrong.
    if (this.#error) throw this.#error;
    this.lastRun = report;
    this.options.onRun?.(report);
    reveals.forEach((reveal, i) => {
      reveal.resolve(words[i]!);
    });
  }
}

/** The parties keep a limited number of plans, and none over a restart. Whichever noticed it, the message says so. */
function isForgotten(error: unknown, { digest }: Plan): boolean {
  return (
    error instanceof NameError &&
    new RegExp(`(^|: )plan ${digest.slice(0, 12)}: expected one that was sent`).test(error.message)
  );
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
