/** Local sessions whose parties can be made to misbehave. */
import type { CallResult, PartyCaller } from "../../src/client/caller.js";
import { type LocalOptions, type LocalSession, local, Session } from "../../src/client/index.js";

export type Call = (method: string, params: unknown, body?: Uint8Array) => Promise<CallResult>;
/** What party `index` answers instead; `real` asks the party itself. */
export type Tamper = (
  index: number,
  method: string,
  real: () => Promise<CallResult>,
  params: unknown,
) => Promise<CallResult>;

export const quiet = (options: LocalOptions = {}): Promise<LocalSession> => local({ quiet: true, ...options });

/** Digests of the plans that a session runs from now on, but for those that only give variables their first values. */
export function digestsOf(session: Session): string[] {
  const digests: string[] = [];
  const submit = session.submit.bind(session);
  session.submit = (closing) => {
    if (!closing.undo) digests.push(closing.plan.digest);
    return submit(closing);
  };
  return digests;
}

/** A second session with the same parties, which it reaches through `tamper`. */
export function through(session: Session, tamper: Tamper, options: Partial<Session["options"]> = {}): Session {
  const parties = session.options.parties.map(
    (party, index): PartyCaller => ({
      name: party.name,
      call: (method, params, body) => tamper(index, method, () => party.call(method, params, body), params),
    }),
  );
  return new Session({ ...session.options, close: async () => {}, ...options, parties });
}
