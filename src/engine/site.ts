/**
 * The site of one node in one run: its nonces, its pivot, the run's memory. Not a source of randomness: streams are
 * opened by the protocol, under its keys.
 */
import { FrameError } from "../errors.js";
import type { Site } from "../protocol/index.js";
import type { StreamId } from "../random/index.js";
import type { Scope } from "../ring/index.js";

export class NodeSite implements Site {
  #chunk = 0;
  constructor(
    private readonly run: number,
    readonly pivot: number,
    readonly scope: Scope,
  ) {}

  nonce(): StreamId {
    if (this.#chunk >= 2 ** 24) throw new FrameError(`node ${this.pivot}: expected at most 2^24 primitives in a node, got more`);
    return { run: this.run, node: this.pivot, chunk: this.#chunk++ };
  }
}
