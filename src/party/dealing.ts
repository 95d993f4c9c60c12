/**
 * What is different about the exchanges of a run with a dealer: at the dealer, at those that it sends to, and where it has
 * dealt ahead. Not what is dealt.
 */
import { PeerLostError } from "../errors.js";
import type { Incoming, Mesh } from "../net/index.js";
import type { Protocol } from "../protocol/index.js";
import { deriveKey } from "../random/index.js";
import type { Ring } from "../ring/index.js";
import type { Core } from "./core.js";
import type { Dealt } from "./dealt/file.js";
import type { Pace, Taking } from "./pace.js";

/** The network as the engine sees it. */
export type Network = Pick<Mesh, "exchange" | "parties" | "self">;

/** How long a dealer may keep a party waiting, of the time-out: those who wait for that party must not blame it first. */
const PATIENCE = 0.9;

/** The network of one run of this party; `close` when the run is over. `pace` at the dealer, `taking` at the others. */
export function withDealer(
  { definition, names, timeoutMs }: Core,
  mesh: Mesh,
  pace: Pace,
  taking: Taking,
): { network: Network; close(): void } {
  const { dealer } = definition;
  const { self, parties } = mesh;
  if (dealer === undefined) return { network: mesh, close: () => {} };
  if (self === dealer) return { network: unhurried(mesh, pace), close: () => {} };
  /** When the wait for the dealer began. */
  let since: number | undefined;
  const timer = setInterval(() => {
    const ms = PATIENCE * timeoutMs;
    if (since === undefined || performance.now() - since < ms) return;
    const name = names[dealer]!;
    mesh.end(new PeerLostError(`run: expected ${name} to deal within ${ms} ms, got nothing; try a look at it`, name));
  }, timeoutMs / 40);
  timer.unref();
  const watched = (incoming: Incoming): Incoming => {
    if (incoming.peer !== dealer) return incoming;
    since = performance.now();
    const { bytes } = incoming;
    const deliver = (piece: Uint8Array, at: number): void => {
      if (at + piece.length === bytes) {
        since = undefined;
        taking.took(bytes);
      }
      incoming.deliver(piece, at);
    };
    return { peer: dealer, bytes, deliver };
  };
  const exchange: Mesh["exchange"] = (run, round, send, receive, done) =>
    mesh.exchange(run, round, send, receive.map(watched), done);
  return { network: { self, parties, exchange }, close: () => clearInterval(timer) };
}

/**
 * A dealer needs nothing from anybody, so that its rounds would follow each other without a pause; with one it answers its peers
 * and callers meanwhile, and what it has sent leaves. Nor does it run away from them.
 */
function unhurried(mesh: Mesh, pace: Pace): Network {
  return {
    self: mesh.self,
    parties: mesh.parties,
    exchange: (run, round, send, receive, done) =>
      pace.send(
        send.map(({ peer, parts }) => ({ peer, bytes: parts.reduce((sum, part) => sum + part.length, 0) })),
        () => mesh.exchange(run, round, send, receive, (error) => void setImmediate(done, error)),
      ),
  };
}

/**
 * The network of a run whose dealer has dealt ahead, as an engine sees it that believes the dealer to be a member, and the run
 * to have the segment's number.
 */
export function withDealt(mesh: Mesh, run: number, dealt: Dealt): Network {
  const dealer = mesh.parties;
  return {
    self: mesh.self,
    parties: mesh.parties + 1,
    exchange(_, round, send, receive, done) {
      const incoming = receive.find(({ peer }) => peer === dealer);
      if (!incoming) return mesh.exchange(run, round, send, receive, done);
      const others = receive.filter((each) => each !== incoming);
      mesh.exchange(run, round, send, others, (error) => {
        if (error) return done(error);
        try {
          dealt.deliver(round, incoming);
        } catch (failure) {
          return done(failure as Error);
        }
        done();
      });
    },
  };
}

/**
 * The key of a run's public random bits. What is dealt ahead fits the bits that the dealer drew, so those come from the file's id:
 * random, if the dealer follows the protocol.
 */
export function coinKey(mesh: Mesh, dealtFile: string | undefined): Uint8Array {
  return dealtFile === undefined ? mesh.coinKey("masks") : dealtCoinKey(dealtFile);
}
export const dealtCoinKey = (file: string): Uint8Array => deriveKey([Buffer.from(file)], "dealt masks");

/** This party's end of the protocol for that run: no stream, and no mask, has a name in common with another run's. */
export function endOf({ definition, self }: Core, mesh: Mesh, dealt: Dealt, ring: Ring): Protocol {
  return definition.live!.create({
    ring,
    self,
    pairKey: (peer, label) =>
      peer === mesh.parties ? dealt.key(label) : mesh.pairKey(peer, `${label} dealt ${dealt.file}`),
  });
}
