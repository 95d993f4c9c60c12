/**
 * Additive secret sharing by hand: a number is the sum of three random-looking ones, and adding needs no talking.
 * This is what the parties do underneath; nothing of secretgrad is used here.
 */
import { randomBytes } from "node:crypto";

/** All numbers are words of 64 bits; sums wrap around. */
const wrap = (x: bigint): bigint => BigInt.asUintN(64, x);
const random = (): bigint => randomBytes(8).readBigUInt64LE();

/** Two random words and what is missing. Any two of the three are uniformly random, whatever x is. */
function share(x: bigint): bigint[] {
  const [first, second] = [random(), random()];
  return [first, second, wrap(x - first - second)];
}
const open = (shares: readonly bigint[]): bigint => wrap(shares.reduce((sum, each) => sum + each, 0n));

const small = [2n, 4n, 1n];
console.log("With small numbers: 7 =", small.join(" + "), "=", String(open(small)));

const seven = share(7n);
const ten = share(10n);
for (const party of [0, 1, 2]) console.log(`Party ${party} holds ${seven[party]} of 7 and ${ten[party]} of 10`);

// Each party adds its two words, alone.
const sum = seven.map((word, party) => wrap(word + ten[party]!));
console.log("Together they open 7 + 10 =", String(open(sum)));
console.log("Two of them see only noise:", String(wrap(sum[0]! + sum[1]!)));
