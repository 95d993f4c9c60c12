// What several tests of src/net need; not a test.
import type { Connection, Frame, FrameToSend, Mesh } from "../../src/net/index.js";
import { createIdentity, FrameKind, fingerprint, type Identity, type Pins } from "../../src/net/index.js";

export const NAMES = ["alice", "bob", "carol"] as const;

export function frame(parts: Partial<FrameToSend> = {}): FrameToSend {
  return { kind: FrameKind.data, session: 7n, run: 1, round: 0, parts: [], ...parts };
}

/** One exchange as a promise: what arrived, by peer. */
export function exchange(
  mesh: Mesh,
  run: number,
  round: number,
  send: Readonly<Record<number, Uint8Array | readonly Uint8Array[]>>,
  receive: Readonly<Record<number, number>>,
): Promise<Record<number, Uint8Array>> {
  const got: Record<number, Uint8Array> = {};
  const filled: Record<number, number> = {};
  return new Promise((resolve, reject) => {
    let finished = false;
    mesh.exchange(
      run,
      round,
      Object.entries(send).map(([peer, parts]) => ({
        peer: Number(peer),
        parts: parts instanceof Uint8Array ? [parts] : parts,
      })),
      Object.entries(receive).map(([peer, bytes]) => ({
        peer: Number(peer),
        bytes,
        deliver(piece, at) {
          const from = Number(peer);
          if (finished || at !== (filled[from] ?? 0)) throw new Error("delivered after done, twice or out of order");
          got[from] ??= new Uint8Array(bytes);
          got[from].set(piece, at);
          // A payload without bytes comes once, too.
          filled[from] = at + (piece.length || 1);
        },
      })),
      (error) => {
        if (finished) throw new Error("done twice");
        finished = true;
        if (error) reject(error);
        else resolve(got);
      },
    );
  });
}

export function endAll(meshes: readonly Mesh[]): void {
  for (const mesh of meshes) mesh.end(new Error("test is over"));
}

/** The next frames of a connection, copied; after `count` frames it holds the rest back. */
export function collect(connection: Connection, count: number, limitBytes = 2 ** 20): Promise<Frame[]> {
  const frames: Frame[] = [];
  return new Promise((resolve, reject) => {
    connection.receive({
      limitBytes,
      frame(received) {
        frames.push({ ...received, payload: Uint8Array.from(received.payload) });
        if (frames.length < count) return;
        connection.receive(undefined);
        resolve(frames);
      },
      close: (error) => reject(error ?? new Error("closed")),
    });
  });
}

/** Identities are slow to make, so the tests of one file share them. */
export async function identities(names: readonly string[] = NAMES): Promise<{ ids: Identity[]; pins: Pins }> {
  const ids = await Promise.all(names.map((name) => createIdentity(name)));
  const pins = new Map(
    ids.map(({ name, certPem }, index) => [fingerprint(certPem), { name, role: "party" as const, index }]),
  );
  return { ids, pins };
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Enough turns of the event loop for memory connections to deliver everything. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
