/** What the demo shows on its page: what happens in the run, and at the end the model itself, to be asked. Not the page's server. */
import { type nn, SecretgradError, type Session } from "../../src/index.js";
import type { ProtocolDefinition } from "../../src/protocol/index.js";
import type { DemoCluster } from "./cluster.js";
import { layers } from "./mnist.js";
import { servePage } from "./page.js";
import type { RunEvent } from "./run-events.js";

/** The name that the model is served under. */
export const servedModel = "digits";
/** Queries that the page may make: many answers would tell about the model. */
const QUERIES = 10_000;

export interface Show {
  readonly url: string;
  tell(event: RunEvent): void;
  failed(error: unknown): void;
  /** Has the parties serve the model, as it is now, to the page. Waits for the owners' grants, as the session does. */
  deploy(session: Session, model: nn.Module): Promise<void>;
  close(): Promise<void>;
}

/** Throws CommandError if the port is taken or the page is not built. */
export async function startShow(
  { members, dealer, serving }: DemoCluster,
  { name: protocol, protects }: ProtocolDefinition,
  port: number,
): Promise<Show> {
  const page = await servePage({ port, parties: serving });
  page.tell({
    type: "start",
    members: members.map((name) => ({ name, deals: name === dealer })),
    ...{ protocol, protects, layers },
  });
  return {
    url: page.url,
    tell: page.tell,
    // Others' messages may say where things are on this machine.
    failed: (error) =>
      page.tell({ type: "failed", message: error instanceof SecretgradError ? error.message : "see the terminal" }),
    async deploy(session, model) {
      const { invitations, cost } = await session.deploy(servedModel, model, {
        input: [layers[0]],
        policy: { reveal: "scores", queries: QUERIES, clients: [{ name: "page" }] },
        largestBatch: 8,
      });
      const { token } = invitations.get("page")!;
      // Browsers accept no key of ours, so the parties take clients without TLS, on this machine alone.
      page.tell({ type: "model", invitation: { model: servedModel, parties: serving, token }, insecure: true, cost });
    },
    close: page.close,
  };
}
