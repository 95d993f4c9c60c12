/**
 * The site of one node in one run: its nonces, its pivot, the run's memory. Not a source of randomness: streams are
 * opened by the protocol, under its keys.
 */
import { BoundError } from "../errors.js";
import type { Site } from "../protocol/index.js";
import { LARGEST_CHUNK, type StreamId } from "../random/index.js";
import type { Scope } from "../ring/index.js";

export class NodeSite implements Site {
  #chunk = 0;
  constructor(
    private readonly run: number,
    readonly pivot: number,
    readonly scope: Scope,
  ) {}

  nonce(): StreamId {
    if (this.#chunk > LARGEST_CHUNK)
      throw new BoundError(
        `node ${this.pivot}: expected at most ${LARGEST_CHUNK + 1} primitives, got more; try several nodes`,
      );
    return { run: this.run, node: this.pivot, chunk: this.#chunk++ };
  }
}
