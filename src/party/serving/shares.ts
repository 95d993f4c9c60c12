/** How much of a party the clients of served models have: none may take it all. Not what they may ask in all, see deployment.ts. */
import type { Limits } from "../limits.js";
import { allowance, type Deployment } from "./deployment.js";

/** What one client of a model may have of the queries that wait, and of their bytes: an eighth; others find room. */
const PARTS = 8;

interface Share {
  /** Not in a batch yet, and so not counted as asked. */
  waiting: number;
  /** Not answered. */
  held: number;
  /** Of the parts that are held. */
  bytes: number;
}

export class Shares {
  readonly #limits: Pick<Limits, "waitingQueries" | "inputBytes">;
  readonly #byModel = new WeakMap<Deployment, Map<string, Share>>();

  constructor(limits: Pick<Limits, "waitingQueries" | "inputBytes">) {
    this.#limits = limits;
  }

  /** What the client has too much of for one query more; undefined: there is room. One query finds room, however large. */
  excess(deployment: Deployment, client: string, bytes: number): string | undefined {
    const share = this.#byModel.get(deployment)?.get(client);
    if (!share) return undefined;
    const { waitingQueries, inputBytes } = this.#limits;
    if (share.waiting >= allowance(deployment, client)) return `${share.waiting} that use its allowance up`;
    if (share.held >= Math.ceil(waitingQueries / PARTS)) return `${share.held} queries`;
    return share.bytes + bytes > inputBytes / PARTS ? `${share.bytes} bytes` : undefined;
  }

  add(deployment: Deployment, client: string, bytes: number): void {
    const model = this.#byModel.get(deployment) ?? new Map<string, Share>();
    this.#byModel.set(deployment, model);
    const { waiting, held, bytes: before } = model.get(client) ?? { waiting: 0, held: 0, bytes: 0 };
    model.set(client, { waiting: waiting + 1, held: held + 1, bytes: before + bytes });
  }

  /** A query of it has come into a batch. */
  take(deployment: Deployment, client: string): void {
    this.#byModel.get(deployment)!.get(client)!.waiting--;
  }

  /** `taken`: it was in a batch. */
  remove(deployment: Deployment, client: string, bytes: number, taken: boolean): void {
    const model = this.#byModel.get(deployment)!;
    const share = model.get(client)!;
    share.held--;
    share.bytes -= bytes;
    if (!taken) share.waiting--;
    if (share.held === 0) model.delete(client);
  }
}
