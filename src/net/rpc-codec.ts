/** Layout of a remote call's payload: u32 length of the JSON, the JSON, the body. What the JSON means is in rpc.ts. */
import { FrameError } from "../errors.js";

/** Anything that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const EMPTY = new Uint8Array(0);

export function encodeCall(head: unknown, body: Uint8Array = EMPTY): Uint8Array[] {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length);
  return [length, json, body];
}

/** The JSON object and a view of the body. */
export function decodeCall(
  payload: Uint8Array,
  jsonLimitBytes: number,
  from: string,
): { head: Record<string, unknown>; body: Uint8Array } {
  const refuse = (expected: string, got: string, cause?: unknown): never => {
    throw new FrameError(`call from ${from}: expected ${expected}, got ${got}`, { cause });
  };
  if (payload.length < 4) refuse("at least 4 bytes", `${payload.length}`);
  const length = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  if (length > jsonLimitBytes) refuse(`at most ${jsonLimitBytes} bytes of JSON`, `${length}`);
  if (length > payload.length - 4) refuse(`${length} bytes of JSON`, `${payload.length - 4}`);
  let head: unknown;
  try {
    head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(4, 4 + length)));
  } catch {
    refuse("JSON", "something else"); // without the cause, which quotes the input
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) refuse("a JSON object", "something else");
  return { head: head as Record<string, unknown>, body: payload.subarray(4 + length) };
}
