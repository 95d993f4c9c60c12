/** One party as a client calls it; TLS and in-process parties look the same from here. Not a connection. */
import { SecretgradError, SessionEndedError } from "../errors.js";

export interface CallResult {
  readonly result: unknown;
  readonly body: Uint8Array;
}
export interface PartyCaller {
  readonly name: string;
  call(method: string, params: unknown, body?: Uint8Array, options?: { timeoutMs?: number }): Promise<CallResult>;
}

/** The same call at every party; params and body of each are made for it. */
export type CallAll = (
  method: string,
  make: (party: number) => { readonly params: unknown; readonly body?: Uint8Array },
) => Promise<CallResult[]>;

/** How long the others are waited for once a party has failed: long enough for a more telling error to arrive. */
const GRACE_MS = 1500;

/**
 * The same call at every party, all at once. Throws the most telling error: that a session ended is a consequence, a
 * lost peer or a refusal is a cause.
 */
export async function callAll(
  parties: readonly PartyCaller[],
  method: string,
  make: (party: number) => { readonly params: unknown; readonly body?: Uint8Array },
  options: { readonly timeoutMs?: number } = {},
): Promise<CallResult[]> {
  return everyOne(
    parties.map((party, i) => {
      const { params, body } = make(i);
      return party.call(method, params, body, options);
    }),
  );
}

/** Resolves when all do. After a failure it waits a little for better explanations, never for a silent party. */
export async function everyOne<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const errors: unknown[] = [];
  for (const call of calls) call.catch((error: unknown) => errors.push(error));
  const settled = Promise.allSettled(calls);
  try {
    return await Promise.all(calls);
  } catch {
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GRACE_MS);
    });
    await Promise.race([settled, grace]);
    clearTimeout(timer);
    throw mostTelling(errors);
  }
}

function mostTelling(errors: readonly unknown[]): unknown {
  const rank = (error: unknown): number => {
    if (!(error instanceof SecretgradError)) return 0;
    return error instanceof SessionEndedError ? 2 : 1;
  };
  return [...errors].sort((a, b) => rank(a) - rank(b))[0];
}
