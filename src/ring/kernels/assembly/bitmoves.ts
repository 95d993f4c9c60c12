// Bits that change places within planes: a run from anywhere to anywhere, a gather by strides. Words move in strided.ts.
import { advance, countOf, lengthAt, simplify, stepAt } from "./strided";

// @ts-ignore: decorator
@inline
function lowBits(count: u64): u64 { return count >= 64 ? u64.MAX_VALUE : (<u64>1 << count) - 1; }

/** `count` (1..64) bits of the plane from bit `at` on; no word is read that holds none of them. */
// @ts-ignore: decorator
@inline
function readBits(src: usize, at: i64, count: u64): u64 {
  const word = src + (<usize>(at >> 6) << 3);
  const shift = <u64>at & 63;
  let bits = load<u64>(word) >> shift;
  if (shift + count > 64) bits |= load<u64>(word, 8) << (64 - shift);
  return bits & lowBits(count);
}

export function copyBits(dst: usize, to: usize, src: usize, from: usize, n: usize): void {
  let at = <i64>from;
  while (n > 0) {
    const word = dst + ((to >> 6) << 3);
    const shift = <u64>to & 63;
    const count = min<u64>(<u64>n, 64 - shift);
    const mask = lowBits(count) << shift;
    store<u64>(word, (load<u64>(word) & ~mask) | (readBits(src, at, count) << shift));
    to += <usize>count;
    at += <i64>count;
    n -= <usize>count;
  }
}

/** Where gatherBits writes next: bits below `filled` of `word` are waiting for the others. */
let target: usize = 0;
let word: u64 = 0;
let filled: u64 = 0;

// @ts-ignore: decorator
@inline
function append(bits: u64, count: u64): void {
  word |= bits << filled;
  if (filled + count >= 64) {
    store<u64>(target, word);
    target += 8;
    word = filled > 0 ? bits >> (64 - filled) : 0;
    filled = filled + count - 64;
  } else filled += count;
}

export function gatherBits(dst: usize, src: usize, from: usize, rank: i32, dims: usize, strides: usize): void {
  const left = simplify(rank, dims, strides);
  if (left < 0) return;
  target = dst;
  word = filled = 0;
  const axes = left - 1;
  const inner = left == 0 ? 1 : <u64>load<i32>(lengthAt(axes));
  const step = left == 0 ? 0 : <i64>load<i32>(stepAt(axes));
  let at = <i64>from;
  for (let times = left == 0 ? 1 : countOf(axes); times > 0; times--) {
    if (step == 1 || step == 0) {
      const same = step == 0 ? 0 - readBits(src, at, 1) : 0;
      for (let i: u64 = 0; i < inner; i += 64) {
        const count = min<u64>(64, inner - i);
        append(step == 0 ? same & lowBits(count) : readBits(src, at + <i64>i, count), count);
      }
    } else {
      for (let i: i64 = 0; i < <i64>inner; i++) append(readBits(src, at + i * step, 1), 1);
    }
    if (left > 0) at += <i64><isize>advance(axes);
  }
  if (filled > 0) store<u64>(target, word);
}
