/** Watches what a protocol draws from the keys that two members have in common, and may change it. For tests of masks. */
import type { ProtocolDefinition, ProtocolHost, Rounds } from "../../src/protocol/index.js";
import { Prg, type Stream, type StreamId } from "../../src/random/index.js";
import type { Case } from "./cases.js";
import type { End } from "./harness.js";

/** Bytes [from, to) of the one stream of a key that a primitive opens; a case may consist of several. */
export interface Draw {
  /** Who has the key, its label, and which primitive of the case draws. */
  readonly key: string;
  readonly from: number;
  readonly to: number;
}
export type Watch = (draw: Draw, target: Uint8Array) => void;

const drawStream = Prg.prototype.stream;
/** Tells keys apart, at their holders. */
const fingerprint = (prg: Prg): string => {
  const bytes = new Uint8Array(16);
  drawStream.call(prg, { run: 0, node: 0, chunk: 0 }).fill(bytes);
  return Buffer.from(bytes).toString("hex");
};

/** Runs `use` with the protocol and a case as they are, but for `watch`, which sees each draw of the case itself at both holders. */
export function watchingDraws<T>(
  definition: ProtocolDefinition,
  one: Case,
  watch: Watch,
  use: (definition: ProtocolDefinition, one: Case) => T,
): T {
  const names = new Map<string, string>();
  const known = new WeakMap<Prg, string | undefined>();
  let within = false;
  Prg.prototype.stream = function (this: Prg, id: StreamId): Stream {
    const stream = drawStream.call(this, id);
    if (!known.has(this)) known.set(this, names.get(fingerprint(this)));
    const key = known.get(this);
    if (!within || key === undefined) return stream;
    let from = 0;
    const fill = (target: Uint8Array) => {
      stream.fill(target);
      watch({ key: `${key}, primitive ${id.chunk}`, from, to: from + target.length }, target);
      from += target.length;
    };
    return { fill } as unknown as Stream;
  };
  const create = (host: ProtocolHost) => {
    const pairKey = (peer: number, label: string) => {
      const key = host.pairKey(peer, label);
      names.set(fingerprint(new Prg(key)), `${[host.self, peer].sort()} ${label}`);
      return key;
    };
    return definition.create({ ...host, pairKey });
  };
  const inside = <R>(run: () => R): R => {
    within = true;
    try {
      return run();
    } finally {
      within = false;
    }
  };
  function* watched(rounds: Rounds<unknown>): Rounds<unknown> {
    for (;;) {
      const step = inside(() => rounds.next());
      if (step.done) return step.value;
      yield step.value;
    }
  }
  const start: Case["start"] = (end: End, site, inputs) => watched(inside(() => one.start(end, site, inputs)));
  try {
    return use({ ...definition, create }, { ...one, start });
  } finally {
    Prg.prototype.stream = drawStream;
  }
}
