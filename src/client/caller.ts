/** One party as a client calls it; TLS and in-process parties look the same from here. Not a connection. */
export interface PartyCaller {
  readonly name: string;
  call(
    method: string,
    params: unknown,
    body?: Uint8Array,
    options?: { timeoutMs?: number },
  ): Promise<{ result: unknown; body: Uint8Array }>;
}
