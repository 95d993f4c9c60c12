/** Refusals, counted at once and logged once a second together: a flood of them must not become a flood of lines. */
import type { Reason } from "../../serving/wire.js";
import type { Core } from "../core.js";

const EVERY_MS = 1000;

export class Denials {
  readonly #core: Pick<Core, "log" | "metrics">;
  readonly #counts = new Map<string, { model?: string; client?: string; reason: Reason; count: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(core: Pick<Core, "log" | "metrics">) {
    this.#core = core;
  }

  /** Model and client are those of the policy, never what somebody claimed. */
  note(reason: Reason, model?: string, client?: string): void {
    this.#core.metrics.denied(model, reason);
    const key = `${reason} ${model} ${client}`;
    const known = this.#counts.get(key);
    if (known) known.count++;
    else this.#counts.set(key, { ...(model ? { model } : {}), ...(client ? { client } : {}), reason, count: 1 });
    this.#timer ??= setTimeout(() => this.#flush(), EVERY_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    for (const facts of this.#counts.values()) this.#core.log.info("queries denied", facts);
    this.#counts.clear();
  }
}
