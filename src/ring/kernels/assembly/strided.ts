// Gather and scatter-add by strides, for views, broadcasts and their gradients: one side is contiguous, the other is
// walked by strides. Axes are merged first, and a long one is chosen for the innermost loop. For words of either size: T is u64
// or u32. Not im2col (windows.ts).
import { add } from "./elementwise";
import { add32 } from "./elementwise32";
import { sumWords, transposeBlocked } from "./layout";
import { sumWords32, transposeBlocked32 } from "./layout32";
import { odometer } from "./scratch";

/** An axis of this length makes a good innermost loop. */
const LONG: i32 = 8;

// Per axis: its length, its steps on the strided and on the contiguous side (in words), and where the walk is.
// @ts-ignore: decorator
@inline
export function lengthAt(axis: i32): usize { return odometer + (<usize>axis << 4); }
// @ts-ignore: decorator
@inline
export function stepAt(axis: i32): usize { return lengthAt(axis) + 4; }
// @ts-ignore: decorator
@inline
function packedStepAt(axis: i32): usize { return lengthAt(axis) + 8; }
// @ts-ignore: decorator
@inline
function counterAt(axis: i32): usize { return lengthAt(axis) + 12; }

/**
 * Sets the odometer, without axes of length 1 and with every pair of axes merged that can be walked as one. Returns
 * the number of axes left, or -1 where there is no element at all.
 */
export function simplify(rank: i32, dims: usize, strides: usize): i32 {
  let left = 0;
  for (let axis = 0; axis < rank; axis++) {
    const length = load<i32>(dims + (<usize>axis << 2));
    const step = load<i32>(strides + (<usize>axis << 2));
    if (length == 0) return -1;
    if (length == 1) continue;
    if (left > 0 && load<i32>(stepAt(left - 1)) == length * step) {
      store<i32>(lengthAt(left - 1), load<i32>(lengthAt(left - 1)) * length);
      store<i32>(stepAt(left - 1), step);
    } else {
      store<i32>(lengthAt(left), length);
      store<i32>(stepAt(left), step);
      left++;
    }
  }
  let packed = 1;
  for (let axis = left - 1; axis >= 0; axis--) {
    store<i32>(packedStepAt(axis), packed);
    store<i32>(counterAt(axis), 0);
    packed *= load<i32>(lengthAt(axis));
  }
  return left;
}

/** Exchanges the last axis for the next long one, or else the longest; the contiguous side is then strided as well. */
function chooseInnermost(axes: i32): void {
  let chosen = axes - 1;
  for (let axis = axes - 2; axis >= 0 && load<i32>(lengthAt(chosen)) < LONG; axis--) {
    if (load<i32>(lengthAt(axis)) > load<i32>(lengthAt(chosen))) chosen = axis;
  }
  const kept = v128.load(lengthAt(chosen));
  v128.store(lengthAt(chosen), v128.load(lengthAt(axes - 1)));
  v128.store(lengthAt(axes - 1), kept);
}

/** By how many words the contiguous side moves in the last step; the other result of advance(). */
let packedMove: usize = 0;

/** Moves to the next index of the first `axes` axes and returns by how many words the strided side moves. */
// @ts-ignore: decorator
@inline
export function advance(axes: i32): usize {
  let move: i32 = 0;
  let packed: i32 = 0;
  for (let axis = axes - 1; axis >= 0; axis--) {
    const length = load<i32>(lengthAt(axis));
    const step = load<i32>(stepAt(axis));
    const packedStep = load<i32>(packedStepAt(axis));
    const count = load<i32>(counterAt(axis)) + 1;
    if (count < length) {
      store<i32>(counterAt(axis), count);
      move += step;
      packed += packedStep;
      break;
    }
    store<i32>(counterAt(axis), 0);
    move -= count * step - step;
    packed -= count * packedStep - packedStep;
  }
  packedMove = <usize>packed;
  return <usize>move;
}

/** The number of indices of the first `axes` axes. */
// @ts-ignore: decorator
@inline
export function countOf(axes: i32): i32 {
  let count = 1;
  for (let axis = 0; axis < axes; axis++) count *= load<i32>(lengthAt(axis));
  return count;
}

// @ts-ignore: decorator
@inline
function gather<T>(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  const left = simplify(rank, dims, strides);
  if (left < 0) return;
  if (left == 0) {
    store<T>(dst, load<T>(src));
    return;
  }
  const axes = left - 1;
  if (axes > 0 && load<i32>(stepAt(axes)) > 1 && load<i32>(stepAt(axes - 1)) == 1) {
    transposes<T>(dst, src, axes - 1);
    return;
  }
  chooseInnermost(left);
  const inner = <usize>load<i32>(lengthAt(axes));
  const step = <usize>load<i32>(stepAt(axes)) * sizeof<T>();
  const packedStep = <usize>load<i32>(packedStepAt(axes)) * sizeof<T>();
  for (let times = countOf(axes); times > 0; times--) {
    if (packedStep == sizeof<T>() && step == sizeof<T>()) {
      memory.copy(dst, src, inner * sizeof<T>());
    } else if (packedStep == sizeof<T>() && step == 0) {
      const value = sizeof<T>() == 8 ? v128.load64_splat(src) : v128.load32_splat(src);
      const bytes = inner * sizeof<T>();
      let at: usize = 0;
      for (; at + 16 <= bytes; at += 16) v128.store(dst + at, value);
      for (; at < bytes; at += sizeof<T>()) store<T>(dst + at, load<T>(src));
    } else {
      let from = src;
      let to = dst;
      for (let i: usize = 0; i < inner; i++) {
        store<T>(to, load<T>(from));
        from += step;
        to += packedStep;
      }
    }
    src += advance(axes) * sizeof<T>();
    dst += packedMove * sizeof<T>();
  }
}

/** The case where the two axes after the first `axes` ones are a transposed matrix. */
// @ts-ignore: decorator
@inline
function transposes<T>(dst: usize, src: usize, axes: i32): void {
  const rows = <usize>load<i32>(lengthAt(axes));
  const cols = <usize>load<i32>(lengthAt(axes + 1));
  const step = <usize>load<i32>(stepAt(axes + 1));
  for (let times = countOf(axes); times > 0; times--) {
    if (sizeof<T>() == 8) transposeBlocked(dst, cols, src, step, cols, rows);
    else transposeBlocked32(dst, cols, src, step, cols, rows);
    src += advance(axes) * sizeof<T>();
    dst += packedMove * sizeof<T>();
  }
}

// @ts-ignore: decorator
@inline
function scatterAdd<T>(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  const left = simplify(rank, dims, strides);
  if (left < 0) return;
  if (left == 0) {
    store<T>(dst, load<T>(dst) + load<T>(src));
    return;
  }
  const axes = left - 1;
  chooseInnermost(left);
  const inner = <usize>load<i32>(lengthAt(axes));
  const step = <usize>load<i32>(stepAt(axes)) * sizeof<T>();
  const packedStep = <usize>load<i32>(packedStepAt(axes)) * sizeof<T>();
  for (let times = countOf(axes); times > 0; times--) {
    if (packedStep == sizeof<T>() && step == sizeof<T>()) {
      if (sizeof<T>() == 8) add(dst, dst, src, inner);
      else add32(dst, dst, src, inner);
    } else if (packedStep == sizeof<T>() && step == 0) {
      store<T>(dst, load<T>(dst) + <T>(sizeof<T>() == 8 ? sumWords(src, inner) : sumWords32(src, inner)));
    } else {
      let from = src;
      let to = dst;
      for (let i: usize = 0; i < inner; i++) {
        store<T>(to, load<T>(to) + load<T>(from));
        from += packedStep;
        to += step;
      }
    }
    dst += advance(axes) * sizeof<T>();
    src += packedMove * sizeof<T>();
  }
}

export function gatherStrided(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  gather<u64>(dst, src, rank, dims, strides);
}
export function gatherStrided32(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  gather<u32>(dst, src, rank, dims, strides);
}
export function scatterAddStrided(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  scatterAdd<u64>(dst, src, rank, dims, strides);
}
export function scatterAddStrided32(dst: usize, src: usize, rank: i32, dims: usize, strides: usize): void {
  scatterAdd<u32>(dst, src, rank, dims, strides);
}
