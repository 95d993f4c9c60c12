/** V8 options for party processes. Not options of ours. */
import { setFlagsFromString } from "node:v8";

/**
 * A party's garbage is buffers outside the JavaScript heap (cipher output, TLS records), some 8 MB a training step, and next
 * to nothing inside it. Both limits that V8 sets by itself are made for other garbage: with its nursery of 16 MB,
 * collections of the nursery, which free the buffers, are rare, and 7 MB of buffers above a heap of 8 MB start a full
 * collection, after which part of the code is compiled anew. A nursery of 1 MB frees buffers in time, and below 64 MB of
 * heap and buffers there is no full collection (docs/decisions/0011-garbage.md).
 */
export const partyFlags: readonly string[] = ["--max-semi-space-size=1", "--initial-old-space-size=64"];

/**
 * Has V8 optimise code sooner, from here on. A run of a plan goes through each function of a protocol a few times only, so that
 * with the usual budget a minute goes by before most of them are machine code (docs/decisions/0024-early-code.md). Set while running, because versions of V8 name it differently and Node does not start with
 * an option that it does not know.
 */
export function optimiseEarly(): void {
  const generation = Number.parseInt(process.versions.v8, 10);
  setFlagsFromString(generation < 12 ? "--interrupt-budget=4096" : "--invocation-count-for-turbofan=100");
}
