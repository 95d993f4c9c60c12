/** The local work of one accepted run: evaluates its plan, or removes variables, and commits the new version. Not the agreement, see runs.ts. */
import { Profile, type RunStats } from "../engine/index.js";
import type { Mesh } from "../net/index.js";
import { wordBytesOf } from "../plan/index.js";
import type { Ends } from "../protocol/index.js";
import { Prg } from "../random/index.js";
import type { Core } from "./core.js";
import { coinKey, endOf, withDealer, withDealt } from "./dealing.js";
import type { Entry, Outcome } from "./entry.js";
import { RunHost } from "./host.js";
import type { Pace, Taking } from "./pace.js";
import type { RowOrder } from "./rows.js";
import type { VariableMeta } from "./variable-meta.js";

export interface ExecutionContext {
  readonly core: Core;
  readonly mesh: Mesh;
  readonly ends: Ends;
  readonly order: RowOrder;
  readonly pace: Pace;
  readonly taking: Taking;
}

/** After a failure nothing of the run is left here. */
export async function perform(entry: Entry, context: ExecutionContext): Promise<Outcome> {
  const { core, mesh, ends, order } = context;
  const { variables, datasets, deployments } = core;
  const { run, request, changes, dealt } = entry;
  const nothing: Outcome = { run, parts: [], stats: { rounds: 0, bytes: 0, seconds: 0 } };
  if (!request) return nothing;
  const wordBytes = request.plan ? wordBytesOf(request.plan.plan) : core.ring.wordBytes;
  const ring = wordBytes === core.ring.wordBytes ? core.ring : core.ring.narrow;
  const draft = variables.draft();
  const scope = ring.scope();
  try {
    let outcome = nothing;
    for (const [name, meta] of changes) if (!meta) draft.remove(name);
    if (request.plan) {
      const metas = new Map([...changes].filter((change): change is [string, VariableMeta] => change[1] !== undefined));
      const { scalars, inputs } = request;
      const coins = new Prg(coinKey(mesh, dealt?.file));
      const protocol = dealt ? endOf(core, mesh, dealt, ring) : ends(wordBytes);
      const given = { scalars, inputs, datasets, order, coins };
      const host = new RunHost({ ring, protocol, scope, ...given, variables, draft, metas });
      const { program } = request.plan;
      const profile = request.profile ? new Profile() : undefined;
      const watched = profile ? { profile } : {};
      let stats: RunStats;
      if (dealt) {
        const network = withDealt(mesh, run, dealt);
        stats = await core.execute(program, {
          ring,
          protocol,
          mesh: network,
          run: dealt.number,
          host,
          scope,
          ...watched,
        });
      } else {
        const { network, close } = withDealer(core, mesh, context.pace, context.taking);
        stats = await core
          .execute(program, { ring, protocol, mesh: network, run, host, scope, ...watched })
          .finally(close);
      }
      mesh.closeRun(run);
      const operators = profile?.byOperator(program.steps.map(({ op }) => op));
      outcome = { run, parts: host.parts, stats, ...(operators ? { operators } : {}) };
    }
    variables.commit(run, draft);
    if (request.deploy) deployments.publish(run);
    const withdrawn = request.withdraw === undefined ? undefined : deployments.live(request.withdraw);
    if (withdrawn) deployments.remove(withdrawn.version);
    return outcome;
  } finally {
    draft.discard();
    scope.close();
  }
}
