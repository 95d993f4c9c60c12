/**
 * For the tutorial on transcripts: three parties in this process, with a record of everything that reaches party p1. Not
 * for real data: a recording holds all shares and all keys of its party.
 */
import type { PartyCaller } from "../../../src/client/caller.js";
import { Owner, Session } from "../../../src/client/index.js";
import { createMemoryMeshes, recordMesh } from "../../../src/net/index.js";
import { RecordingReader } from "../../../src/net/recording.js";
import { memoryStores, Party, type Role } from "../../../src/party/index.js";
import { type Plan, planReveals } from "../../../src/plan/index.js";
import { protocolNamed } from "../../../src/protocol/index.js";

/** One thing that reached p1. */
export interface Arrival {
  readonly from: string;
  readonly what: string;
  readonly bytes: Uint8Array;
}
/** A message of a run of the protocol. */
export interface Message extends Arrival {
  readonly run: number;
  readonly round: number;
}

export async function recordedSession() {
  const definition = protocolNamed("rep3");
  const names = ["p0", "p1", "p2"];
  const parties = names.map(
    (_, self) => new Party({ names, self, definition, stores: memoryStores(), version: "tutorial" }),
  );
  const meshes = createMemoryMeshes(names);
  const recorder = recordMesh(meshes[1]!);
  await Promise.all([meshes[0]!, recorder.mesh, meshes[2]!].map((mesh, i) => parties[i]!.attach(mesh)));

  const calls: Arrival[] = [];
  const callersOf = (name: string, role: Role): PartyCaller[] =>
    parties.map((party, i) => ({
      name: names[i]!,
      async call(method, params, body) {
        if (i === 1) calls.push({ from: name, what: method, bytes: (body ?? new Uint8Array()).slice() });
        const answer = await party.handle({ name, role }, method, params, body);
        return { result: answer.result, body: answer.body ?? new Uint8Array() };
      },
    }));
  const owners = ["alice", "bob"].map((name) => new Owner({ definition, name, parties: callersOf(name, "owner") }));
  const plans = new Map<string, Plan>();
  /** Both owners agree to everything. */
  const prepare = async (plan: Plan): Promise<void> => {
    const { digest } = plan;
    if (plans.has(digest)) return;
    plans.set(digest, plan);
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const limits = { digest, reveal: "*", minRows: 0, recipients: ["driver"], times: 1_000_000, expires };
    const releases = new Set(planReveals(plan).map(({ release }) => release));
    for (const owner of owners) await owner.approve([...releases].map((release) => ({ ...limits, release })));
  };
  const session = new Session({
    definition,
    name: "driver",
    parties: callersOf("driver", "driver"),
    prepare,
    close: async () => {
      await Promise.all(parties.map((party) => party.close()));
    },
  });
  const recording = () => new RecordingReader(recorder.toBytes());
  return {
    session,
    alice: owners[0]!,
    bob: owners[1]!,
    /** What owners and the driver sent to p1. */
    calls,
    /** What p0 and p2 sent to p1 outside of runs: they agree on what to do. */
    agreements: (): Arrival[] =>
      recording()
        .entries.filter(({ kind }) => kind === "control")
        .map(({ peer, bytes }) => ({ from: names[peer]!, what: Buffer.from(bytes).toString(), bytes })),
    /** What p0 and p2 sent to p1 in runs. */
    messages: (): Message[] =>
      recording()
        .entries.filter(({ kind }) => kind === "data")
        .map(({ peer, run, round, bytes }) => ({
          from: names[peer]!,
          what: "run",
          run,
          round,
          bytes: Uint8Array.from(bytes),
        })),
    /** The number of the first step of this kind in the first plan. */
    step: (op: string) => [...plans.values()][0]!.nodes.findIndex((node) => node.op === op),
    /** A key that p1 has in common with another party. */
    keyWith: (peer: number) => recording().key(peer, "rep3"),
    /** The key that p1 does not have. */
    keyOfTheOthers: () => meshes[0]!.pairKey(2, "rep3"),
  };
}
