/**
 * V8 options for party processes. Not options of ours.
 *
 * A party's garbage is buffers outside the JavaScript heap (cipher output, TLS records), some 20 MB a training step, and next
 * to nothing inside it. With the usual nursery of 16 MB, collections of the nursery, which would free them, are so rare that
 * V8 starts full collections instead, almost one a step. A nursery of 1 MB frees buffers in time: a step of the MNIST job takes
 * 15 to 20 % less (docs/decisions/0011-garbage.md).
 */
export const partyFlags: readonly string[] = ["--max-semi-space-size=1"];
