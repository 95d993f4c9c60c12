/** How many queries a minute each client asks, by a bucket that refills steadily. Not the durable counts. */
import type { ServingClient } from "../../serving/policy.js";
import type { Deployment } from "./deployment.js";

const MINUTE = 60_000;

export class Rates {
  readonly #now: () => number;
  readonly #buckets = new WeakMap<Deployment, Map<string, { left: number; at: number }>>();

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** 0: taken. Else milliseconds until the next one may be. */
  take(deployment: Deployment, { name, perMinute }: ServingClient): number {
    if (perMinute === undefined) return 0;
    const buckets = this.#buckets.get(deployment) ?? new Map<string, { left: number; at: number }>();
    this.#buckets.set(deployment, buckets);
    const now = this.#now();
    const before = buckets.get(name) ?? { left: perMinute, at: now };
    const left = Math.min(perMinute, before.left + (Math.max(0, now - before.at) * perMinute) / MINUTE);
    buckets.set(name, { left: left >= 1 ? left - 1 : left, at: now });
    return left >= 1 ? 0 : Math.ceil(((1 - left) * MINUTE) / perMinute);
  }
}
