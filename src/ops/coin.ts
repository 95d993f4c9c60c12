/**
 * Public random bits from the parties' common coin, fresh in every run: masks of dropout. Not the randomness of protocols,
 * and not the driver's choice: it names a probability and learns no bit.
 *
 * The parties know the bits. Rows that meet them count as treated alike (`flow.ts`), because nobody chose which rows they
 * keep; what a sum is left with is some of the rows, which is why the probability of a 1 is at least 1/10. Of one mask: nobody counts
 * how many a plan multiplies (docs/security.md).
 */
import * as v from "valibot";
import type { Operator } from "./op.js";
import { noCost, shapeSchema } from "./source.js";
import { elements } from "./type.js";

/** Probabilities are multiples of 2^-16: two bytes of the coin's stream an element, little-endian. */
export const coinSteps = 65536;
/** The largest probability of a 0. */
export const mostDropped = 0.9;
const fewestSteps = Math.floor(coinSteps * (1 - mostDropped));
const DRAWS = 32768;

const attrs = v.strictObject({
  shape: shapeSchema,
  /** P(1) = keep / 2^16. */
  keep: v.pipe(v.number(), v.integer(), v.minValue(fewestSteps), v.maxValue(coinSteps - 1)),
  /** Tells two of one shape apart in a plan. */
  index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 24 - 1)),
});

/** Independent bits 0 or 1, as public numbers at scale 0. No rounds, no bytes. */
export const bernoulli: Operator<v.InferOutput<typeof attrs>> = {
  attrs,
  arity: 0,
  infer: (_, { shape }) => ({
    kind: "public",
    shape,
    scale: 0,
    bound: 1,
    proved: true,
    flows: [],
    alike: shape.map(() => true),
  }),
  cost: noCost,
  evaluate({ ring, site, host }, _, { keep }, { output }) {
    const n = elements(output);
    const { kernels, wordBytes } = ring;
    const block = site.scope.alloc(n);
    kernels.fill(block.ptr, 0n, n);
    const draw = host.coin(site.nonce());
    const bytes = new Uint8Array(2 * Math.min(n, DRAWS));
    for (let from = 0; from < n; from += DRAWS) {
      const some = Math.min(DRAWS, n - from);
      const drawn = bytes.subarray(0, 2 * some);
      draw(drawn);
      // Words, or their low halves.
      const step = wordBytes / 4;
      const words = new Int32Array(kernels.memory.buffer, block.ptr + wordBytes * from, step * some);
      for (let i = 0; i < some; i++) if (drawn[2 * i]! + 256 * drawn[2 * i + 1]! < keep) words[step * i] = 1;
    }
    return { kind: "public", words: block };
  },
};
