/**
 * V8 options for party processes. Not options of ours.
 *
 * A party's garbage is buffers outside the JavaScript heap (cipher output, TLS records), some 8 MB a training step, and next
 * to nothing inside it. Both limits that V8 sets by itself are made for other garbage: with its nursery of 16 MB,
 * collections of the nursery, which free the buffers, are rare, and 7 MB of buffers above a heap of 8 MB start a full
 * collection, after which part of the code is compiled anew. A nursery of 1 MB frees buffers in time, and below 64 MB of
 * heap and buffers there is no full collection (docs/decisions/0011-garbage.md).
 */
export const partyFlags: readonly string[] = ["--max-semi-space-size=1", "--initial-old-space-size=64"];
