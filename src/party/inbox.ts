/**
 * Revealed parts that wait for recipients other than the caller of a run. Not durable and not unbounded: a part that
 * nobody takes expires, and a full inbox makes the party refuse further runs for that recipient.
 */
import { PolicyError } from "../errors.js";

export interface Delivery {
  readonly run: number;
  readonly label: string;
  readonly bytes: Uint8Array;
}
export interface InboxLimits {
  readonly bytesPerRecipient: number;
  readonly entriesPerRecipient: number;
  readonly keepMs: number;
}
export const inboxLimits: InboxLimits = {
  bytesPerRecipient: 64 * 2 ** 20,
  entriesPerRecipient: 4096,
  keepMs: 60 * 60_000,
};

interface Waiting {
  readonly delivery: Delivery;
  readonly until: number;
}

export class Inbox {
  readonly #limits: InboxLimits;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(now: () => number, limits: InboxLimits = inboxLimits) {
    this.#now = now;
    this.#limits = limits;
  }

  /** Refuses if `entries` more parts of `bytes` bytes together would not fit. */
  checkSpace(recipient: string, entries: number, bytes: number): void {
    const waiting = this.#prune(recipient);
    const used = waiting.reduce((sum, each) => sum + each.delivery.bytes.length, 0);
    const { bytesPerRecipient, entriesPerRecipient } = this.#limits;
    if (waiting.length + entries > entriesPerRecipient || used + bytes > bytesPerRecipient)
      throw new PolicyError(
        `inbox of ${recipient}: expected room for ${entries} more results, got ${waiting.length} that wait; try inbox.take as ${recipient}`,
      );
  }

  put(recipient: string, delivery: Delivery): void {
    const waiting = this.#prune(recipient);
    waiting.push({ delivery, until: this.#now() + this.#limits.keepMs });
    this.#waiting.set(recipient, waiting);
  }

  /** Hands out what waits, oldest first, and forgets it. At most `bytes` together, but at least one. */
  take(recipient: string, bytes = Number.POSITIVE_INFINITY): Delivery[] {
    const waiting = this.#prune(recipient);
    let used = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || used + waiting[count]!.delivery.bytes.length <= bytes))
      used += waiting[count++]!.delivery.bytes.length;
    const taken = waiting.splice(0, count);
    if (waiting.length === 0) this.#waiting.delete(recipient);
    return taken.map((each) => each.delivery);
  }

  #prune(recipient: string): Waiting[] {
    const now = this.#now();
    const waiting = (this.#waiting.get(recipient) ?? []).filter((each) => each.until > now);
    if (waiting.length === 0) this.#waiting.delete(recipient);
    else this.#waiting.set(recipient, waiting);
    return waiting;
  }
}
