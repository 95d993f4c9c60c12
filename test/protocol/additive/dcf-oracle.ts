// The comparison function of one instance, written down once more with bigints and one block of AES at a time: the test
// oracle of src/protocol/additive/dcf.ts. Slow, and its time depends on secrets.
import { createCipheriv } from "node:crypto";

const WORD = 2n ** 64n;
const SEED = ~3n & (2n ** 128n - 1n);
const KEY = Buffer.from("243f6a8885a308d313198a2e03707344", "hex");

const little = (value: bigint) => Buffer.from(value.toString(16).padStart(32, "0"), "hex").reverse();
const number = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);

/** pi(sigma(s) ^ j) ^ sigma(s) ^ j, where sigma(high, low) = (high ^ low, high). */
function hash(seed: bigint, label: number): bigint {
  const [high, low] = [seed / WORD, seed % WORD];
  const input = ((high ^ low) * WORD + high) ^ BigInt(label);
  const cipher = createCipheriv("aes-128-ecb", KEY, null).setAutoPadding(false);
  return number(cipher.update(little(input))) ^ input;
}
const child = (seed: bigint, d: number) => hash(seed, d);
/** The words of child d: d G to d G + G - 1 of the blocks 2, 3, … */
function payload(seed: bigint, d: number, words: number): bigint[] {
  return Array.from({ length: words }, (_, g) => {
    const at = d * words + g;
    const block = hash(seed, 2 + (at >> 1));
    return at % 2 === 0 ? block % WORD : block / WORD;
  });
}

export interface Level {
  /** Seed correction with the control bits' in its low bits; none at the last level. */
  readonly seed: bigint | undefined;
  /** Words of payload: one list, or at the last level one per path bit. */
  readonly words: readonly bigint[][];
}

/** The corrections, highest bit first. */
export function generateOne(roots: readonly [bigint, bigint], alpha: bigint, beta: bigint[], bits: number): Level[] {
  const levels: Level[] = [];
  const s = roots.map((root) => root & SEED) as [bigint, bigint];
  const t: [number, number] = [0, 1];
  let sum = beta.map(() => 0n);
  for (let bit = bits - 1; bit >= 0; bit--) {
    const a = Number((alpha >> BigInt(bit)) & 1n);
    const lose = 1 - a;
    const v = s.map((seed) => [0, 1].map((d) => payload(seed, d, beta.length)));
    const sign = t[1] === 1 ? -1n : 1n;
    const correct = (d: number, target: bigint[]) =>
      target.map((word, g) => BigInt.asUintN(64, sign * (v[1]![d]![g]! - v[0]![d]![g]! - sum[g]! + word)));
    if (bit === 0) {
      const nothing = beta.map(() => 0n);
      levels.push({ seed: undefined, words: [correct(0, a === 1 ? beta : nothing), correct(1, nothing)] });
      break;
    }
    const words = correct(
      lose,
      beta.map((word) => BigInt(a) * word),
    );
    sum = sum.map((value, g) => value + v[0]![a]![g]! - v[1]![a]![g]! + sign * words[g]!);
    const c = s.map((seed) => [child(seed, 0), child(seed, 1)]);
    const seed = (c[0]![lose]! ^ c[1]![lose]!) & SEED;
    const control = [0, 1].map((d) => Number((c[0]![d]! ^ c[1]![d]!) & 1n) ^ (d === a ? 1 : 0));
    levels.push({ seed: seed | BigInt(control[0]! + 2 * control[1]!), words: [words] });
    for (const party of [0, 1] as const) {
      const kept = c[party]![a]!;
      s[party] = (kept & SEED) ^ (t[party] === 1 ? seed : 0n);
      t[party] = Number(kept & 1n) ^ (t[party] & control[a]!);
    }
  }
  return levels;
}

/** Party 0's or 1's share at x. */
export function evaluateOne(party: 0 | 1, root: bigint, levels: readonly Level[], x: bigint): bigint[] {
  let s = root & SEED;
  let t = party as number;
  let sum = levels[0]!.words[0]!.map(() => 0n);
  levels.forEach(({ seed, words }, i) => {
    const d = Number((x >> BigInt(levels.length - 1 - i)) & 1n);
    const added = words[seed === undefined ? d : 0]!;
    const own = payload(s, d, added.length);
    sum = sum.map((value, g) => value + own[g]! + BigInt(t) * added[g]!);
    if (seed === undefined) return;
    const h = child(s, d);
    s = (h & SEED) ^ (t === 1 ? seed & SEED : 0n);
    t = Number(h & 1n) ^ (t & Number((seed >> BigInt(d)) & 1n));
  });
  return sum.map((value) => BigInt.asUintN(64, party === 1 ? -value : value));
}
