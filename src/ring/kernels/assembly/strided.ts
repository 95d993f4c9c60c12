// Gather and scatter-add by strides, for views, broadcasts and their gradients. Axes are merged first, so that most
// calls end in one of three inner loops: contiguous, broadcast, or strided. Not for windows (windows.ts).
import { add } from "./elementwise";
import { sumWords, transposeBlocked } from "./layout";
import { odometer } from "./scratch";

// @ts-ignore: decorator
@inline
function dimAt(axis: usize): usize { return odometer + (axis << 2); }
// @ts-ignore: decorator
@inline
function strideAt(axis: usize): usize { return odometer + 128 + (axis << 2); }
// @ts-ignore: decorator
@inline
function counterAt(axis: usize): usize { return odometer + 256 + (axis << 2); }

/**
 * Copies dims and strides to the odometer without axes of length 1 and with every pair of axes merged that can be
 * walked as one. Returns the number of axes left, or -1 where there is no element at all.
 */
function simplify(rank: usize, dims: usize, strides: usize): i32 {
  let left: usize = 0;
  for (let axis: usize = 0; axis < rank; axis++) {
    const dim = load<i32>(dims + (axis << 2));
    const stride = load<i32>(strides + (axis << 2));
    if (dim == 0) return -1;
    if (dim == 1) continue;
    if (left > 0 && load<i32>(strideAt(left - 1)) == dim * stride) {
      store<i32>(dimAt(left - 1), load<i32>(dimAt(left - 1)) * dim);
      store<i32>(strideAt(left - 1), stride);
    } else {
      store<i32>(dimAt(left), dim);
      store<i32>(strideAt(left), stride);
      store<i32>(counterAt(left), 0);
      left++;
    }
  }
  return <i32>left;
}

/** Moves to the next index of the first `axes` axes and returns by how many bytes the strided side moves. */
// @ts-ignore: decorator
@inline
function advance(axes: usize): usize {
  let move: usize = 0;
  for (let axis = axes; axis > 0; axis--) {
    const dim = load<i32>(dimAt(axis - 1));
    const stride = load<i32>(strideAt(axis - 1));
    const count = load<i32>(counterAt(axis - 1)) + 1;
    if (count < dim) {
      store<i32>(counterAt(axis - 1), count);
      return move + (stride << 3);
    }
    store<i32>(counterAt(axis - 1), 0);
    move -= ((dim - 1) * stride) << 3;
  }
  return move;
}

/** The number of indices of the first `axes` axes. */
// @ts-ignore: decorator
@inline
function countOf(axes: usize): usize {
  let count: usize = 1;
  for (let axis: usize = 0; axis < axes; axis++) count *= load<i32>(dimAt(axis));
  return count;
}

export function gatherStrided(dst: usize, src: usize, rank: usize, dims: usize, strides: usize): void {
  const left = simplify(rank, dims, strides);
  if (left < 0) return;
  if (left == 0) {
    store<u64>(dst, load<u64>(src));
    return;
  }
  const axes = <usize>left - 1;
  const inner = <usize>load<i32>(dimAt(axes));
  const step = load<i32>(strideAt(axes));
  if (axes > 0 && step > 1 && load<i32>(strideAt(axes - 1)) == 1) {
    // The two innermost axes are a transposed matrix.
    const rows = <usize>load<i32>(dimAt(axes - 1));
    for (let times = countOf(axes - 1); times > 0; times--) {
      transposeBlocked(dst, inner, src, step, inner, rows);
      dst += (rows * inner) << 3;
      src += advance(axes - 1);
    }
    return;
  }
  for (let times = countOf(axes); times > 0; times--) {
    if (step == 1) {
      if (inner < 16) for (let i: usize = 0; i < inner; i++) store<u64>(dst + (i << 3), load<u64>(src + (i << 3)));
      else memory.copy(dst, src, inner << 3);
    } else if (step == 0) {
      const value = v128.load64_splat(src);
      let i: usize = 0;
      for (; i + 2 <= inner; i += 2) v128.store(dst + (i << 3), value);
      if (i < inner) v128.store64_lane(dst + (i << 3), value, 0);
    } else {
      let from = src;
      for (let i: usize = 0; i < inner; i++) {
        store<u64>(dst + (i << 3), load<u64>(from));
        from += step << 3;
      }
    }
    dst += inner << 3;
    src += advance(axes);
  }
}

export function scatterAddStrided(dst: usize, src: usize, rank: usize, dims: usize, strides: usize): void {
  const left = simplify(rank, dims, strides);
  if (left < 0) return;
  if (left == 0) {
    store<u64>(dst, load<u64>(dst) + load<u64>(src));
    return;
  }
  const axes = <usize>left - 1;
  const inner = <usize>load<i32>(dimAt(axes));
  const step = load<i32>(strideAt(axes));
  for (let times = countOf(axes); times > 0; times--) {
    if (step == 1) {
      add(dst, dst, src, inner);
    } else if (step == 0) {
      store<u64>(dst, load<u64>(dst) + sumWords(src, inner));
    } else {
      let to = dst;
      for (let i: usize = 0; i < inner; i++) {
        store<u64>(to, load<u64>(to) + load<u64>(src + (i << 3)));
        to += step << 3;
      }
    }
    src += inner << 3;
    dst += advance(axes);
  }
}
