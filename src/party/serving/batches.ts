/**
 * When party 0 makes a batch, and of which queries: at once while few come, of as many as there are while many come. Not what a
 * batch is, see batch.ts, nor its run.
 */
import { isLimited } from "../../serving/policy.js";
import { allowance, type Deployment } from "./deployment.js";

export interface BatchesOptions {
  /** Undefined: the query has ended meanwhile. */
  clientOf(query: string): string | undefined;
  /** Resolves when the batch is over, however it went. */
  start(deployment: Deployment, queries: readonly string[]): Promise<void>;
  /** The query is one more than the owner allows. */
  deny(query: string): void;
}

/** Batches that are under way at once, of all models: while one runs, the parties agree on the next. */
const MOST = 2;
/** How long to wait for company when the last batch was large: under load queries arrive in waves. */
const LINGER_MS = 4;
const LINGER_ABOVE = 4;

/** What is known of one model's batches. */
interface Past {
  running: number;
  /** Queries of the last one. */
  lastRows: number;
  linger?: NodeJS.Timeout | undefined;
}

export class Batches {
  readonly #options: BatchesOptions;
  /** By model. Whose batch has begun goes to the end, so that no model waits for another's queries, however many come. */
  readonly #waiting = new Map<Deployment, string[]>();
  readonly #past = new WeakMap<Deployment, Past>();
  #running = 0;
  #ended = false;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  add(deployment: Deployment, query: string): void {
    const list = this.#waiting.get(deployment);
    if (list) list.push(query);
    else this.#waiting.set(deployment, [query]);
    this.#look();
  }

  end(): void {
    this.#ended = true;
    for (const deployment of this.#waiting.keys()) clearTimeout(this.#of(deployment).linger);
    this.#waiting.clear();
  }

  /** The query has ended before its turn came. */
  remove(deployment: Deployment, query: string): void {
    const left = this.#waiting.get(deployment)?.filter((each) => each !== query);
    if (left?.length) this.#waiting.set(deployment, left);
    else this.#waiting.delete(deployment);
  }

  #of(deployment: Deployment): Past {
    const past = this.#past.get(deployment) ?? { running: 0, lastRows: 0 };
    this.#past.set(deployment, past);
    return past;
  }

  /** Starts batches as long as there is reason to. */
  #look(): void {
    // What goes to the end is looked at once more.
    for (const [deployment, queries] of this.#waiting) {
      if (this.#running >= MOST) return;
      const most = [...deployment.plans.keys()].at(-1)!;
      const past = this.#of(deployment);
      // What limits queries is counted when a batch is agreed on: only then is known what the next one may ask.
      const room = isLimited(deployment.description.policy) ? 1 : MOST;
      if (past.running >= room || (past.running > 0 && queries.length < most / 2)) continue;
      if (queries.length < most && past.running === 0 && past.lastRows > LINGER_ABOVE) {
        past.linger ??= setTimeout(() => {
          past.linger = undefined;
          past.lastRows = 0;
          this.#look();
        }, LINGER_MS);
        continue;
      }
      const taken = queries.splice(0, most);
      this.#waiting.delete(deployment);
      if (queries.length > 0) this.#waiting.set(deployment, queries);
      this.#start(deployment, taken);
    }
  }

  #start(deployment: Deployment, taken: readonly string[]): void {
    const queries = this.#allowed(deployment, taken);
    if (queries.length === 0) {
      // Nothing ends that would look at those behind them.
      this.#look();
      return;
    }
    const past = this.#of(deployment);
    this.#running++;
    past.running++;
    past.lastRows = queries.length;
    void this.#options.start(deployment, queries).finally(() => {
      this.#running--;
      past.running--;
      if (!this.#ended) this.#look();
    });
  }

  /** Those that the policy allows after the ones before them; denies the others. */
  #allowed(deployment: Deployment, taken: readonly string[]): string[] {
    const { policy } = deployment.description;
    let inAll = (policy.queries ?? Number.POSITIVE_INFINITY) - deployment.used.total;
    const left = new Map<string, number>();
    return taken.filter((query) => {
      const client = this.#options.clientOf(query);
      if (client === undefined) return false;
      const own = left.get(client) ?? allowance(deployment, client);
      const allowed = own > 0 && inAll > 0;
      if (allowed) {
        left.set(client, own - 1);
        inAll--;
      } else this.#options.deny(query);
      return allowed;
    });
  }
}
