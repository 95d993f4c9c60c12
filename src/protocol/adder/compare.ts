/**
 * The adders of comparisons: what is computed in blocks of bits before a carry tree joins the blocks in pairs. Not the tree's
 * ANDs, which are in compare.ts of each protocol.
 *
 * The tree is that of ABY3 (Mohassel and Rindal 2018, https://eprint.iacr.org/2018/403, section 5.3) on bit-sliced
 * planes, over blocks instead of bits: (g, p) of a pair is (g_hi ^ p_hi g_lo, p_hi p_lo), and the lowest block needs no
 * p. Blocks lie in bit-reversed order, so that the low and high parts of all pairs are two contiguous halves.
 */
import { type Adder, cutBits, layOut, remembered } from "./layout.js";

/** Up to so many elements rounds weigh more than bytes: longer blocks, one level less at some widths. */
const FEW = 16384;
const blockBits = (n: number): number => (n <= FEW ? 5 : 4);

/** Block `slot` of `count` in bit-reversed order. */
function reversed(slot: number, count: number): number {
  let result = 0;
  for (let bit = 1; bit < count; bit *= 2) result = result * 2 + (slot & bit ? 1 : 0);
  return result;
}

/** The first level of msb: g of all blocks, p of all but the lowest, and the sign plane s ^ c. */
export const signAdder = (n: number, width: number): Adder => signAdders(width, blockBits(n));
const signAdders = remembered((width, most) => {
  const cut = cutBits(width - 1, most);
  const count = cut.length;
  return layOut(
    width,
    cut,
    (block) => {
      const [slot, top] = [reversed(block, count), cut[block]!.bits - 1];
      const carry = { kind: "generate" as const, top, plane: slot };
      return block === 0 ? [carry] : [carry, { kind: "propagate", top, plane: count + slot - 1 }];
    },
    [width - 1],
  );
});
/** The first level of isZero: s = -c if and only if all bits of s and c - 1 differ. */
export const zeroAdder = (n: number, width: number): Adder => zeroAdders(width, blockBits(n));
const zeroAdders = remembered((width, most) => {
  const cut = cutBits(width, most);
  return layOut(width, cut, (block) => [{ kind: "propagate", top: cut[block]!.bits - 1, plane: block }], [], -1n);
});
