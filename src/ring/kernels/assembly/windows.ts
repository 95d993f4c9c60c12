// Sums over windows that slide over images, and their transpose: pooling. Convolutions are products (indexed.ts). A run of a
// row at a time, so that what lies outside the image is not looked at. For words of either size: T is u64 or u32.
import { add } from "./elementwise";
import { add32 } from "./elementwise32";

// @ts-ignore: decorator
@inline
function field(window: usize, name: usize, axis: usize): i32 { return load<i32>(window + ((name * 2 + axis) << 2)); }
// @ts-ignore: decorator
@inline
function kernel(window: usize, axis: usize): i32 { return field(window, 0, axis); }
// @ts-ignore: decorator
@inline
function out(window: usize, axis: usize): i32 { return field(window, 1, axis); }
// @ts-ignore: decorator
@inline
function size(window: usize, axis: usize): i32 { return field(window, 2, axis); }
// @ts-ignore: decorator
@inline
function stride(window: usize, axis: usize): i32 { return field(window, 3, axis); }
// @ts-ignore: decorator
@inline
function padding(window: usize, axis: usize): i32 { return field(window, 4, axis); }

/** dst[i * dstStep] += src[i * srcStep], n words; steps in bytes. */
// @ts-ignore: decorator
@inline
function addRun<T>(dst: usize, dstStep: usize, src: usize, srcStep: usize, n: i32): void {
  if (dstStep == sizeof<T>() && srcStep == sizeof<T>()) {
    if (sizeof<T>() == 8) add(dst, dst, src, n);
    else add32(dst, dst, src, n);
    return;
  }
  for (; n > 0; n--) {
    store<T>(dst, load<T>(dst) + load<T>(src));
    dst += dstStep;
    src += srcStep;
  }
}

/** `spread`: each output is added to its window; otherwise the window's elements are added to it. */
// @ts-ignore: decorator
@inline
function walk<T>(spread: bool, output: usize, image: usize, window: usize, planes: i32): void {
  const outH = out(window, 0);
  const outW = out(window, 1);
  const height = size(window, 0);
  const width = size(window, 1);
  const strideW = stride(window, 1);
  const step = <usize>strideW * sizeof<T>();
  // Columns of a window that no output finds inside the image.
  const firstV = max(0, padding(window, 1) - (outW - 1) * strideW);
  const endV = min(kernel(window, 1), width + padding(window, 1));
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < outH; y++) {
      const top = y * stride(window, 0) - padding(window, 0);
      const bottom = min(height, top + kernel(window, 0));
      for (let row = max(0, top); row < bottom; row++) {
        const rowAt = image + <usize>(row * width) * sizeof<T>();
        for (let v = firstV; v < endV; v++) {
          // Output x meets column x * stride + base, which lies inside from the first such x to the last.
          const base = v - padding(window, 1);
          const first = base >= 0 ? 0 : (strideW - 1 - base) / strideW;
          const last = base < width ? (width - 1 - base) / strideW : -1;
          const n = min(outW, last + 1) - first;
          if (n <= 0) continue;
          const source = rowAt + <usize>(first * strideW + base) * sizeof<T>();
          const target = output + <usize>first * sizeof<T>();
          if (spread) addRun<T>(source, step, target, sizeof<T>(), n);
          else addRun<T>(target, sizeof<T>(), source, step, n);
        }
      }
      output += <usize>outW * sizeof<T>();
    }
    image += <usize>(height * width) * sizeof<T>();
  }
}

// @ts-ignore: decorator
@inline
function sums<T>(dst: usize, src: usize, window: usize, planes: i32): void {
  memory.fill(dst, 0, <usize>(planes * out(window, 0) * out(window, 1)) * sizeof<T>());
  walk<T>(false, dst, src, window, planes);
}
// @ts-ignore: decorator
@inline
function spreads<T>(dst: usize, src: usize, window: usize, planes: i32): void {
  memory.fill(dst, 0, <usize>(planes * size(window, 0) * size(window, 1)) * sizeof<T>());
  walk<T>(true, src, dst, window, planes);
}

export function sumWindows(dst: usize, src: usize, window: usize, planes: i32): void {
  sums<u64>(dst, src, window, planes);
}
export function sumWindows32(dst: usize, src: usize, window: usize, planes: i32): void {
  sums<u32>(dst, src, window, planes);
}
export function spreadWindows(dst: usize, src: usize, window: usize, planes: i32): void {
  spreads<u64>(dst, src, window, planes);
}
export function spreadWindows32(dst: usize, src: usize, window: usize, planes: i32): void {
  spreads<u32>(dst, src, window, planes);
}
