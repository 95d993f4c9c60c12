// im2col and its transpose for one channel-major image, a row of the output at a time. The product that follows is an
// ordinary matmul (filters x patches), so nothing is fused here.
import { add } from "./elementwise";

/** Output columns [first, last) of a window column v whose input column x*stride + v - pad lies inside the image. */
// @ts-ignore: decorator
@inline
function firstInside(v: i32, stride: i32, pad: i32, out: i32): i32 {
  const missing = pad - v;
  return missing <= 0 ? 0 : min(out, (missing + stride - 1) / stride);
}
// @ts-ignore: decorator
@inline
function endInside(v: i32, stride: i32, pad: i32, size: i32, out: i32): i32 {
  const last = size - 1 + pad - v;
  return last < 0 ? 0 : min(out, last / stride + 1);
}

// @ts-ignore: decorator
@inline
function outSize(size: i32, kernel: i32, stride: i32, pad: i32): i32 {
  const span = size + 2 * pad - kernel;
  return span < 0 ? 0 : span / stride + 1;
}

export function im2col(
  dst: usize, src: usize, channels: i32, height: i32, width: i32, kh: i32, kw: i32,
  strideH: i32, strideW: i32, padH: i32, padW: i32,
): void {
  const outH = outSize(height, kh, strideH, padH);
  const outW = outSize(width, kw, strideW, padW);
  const rowBytes = <usize>outW << 3;
  for (let c = 0; c < channels; c++) {
    for (let u = 0; u < kh; u++) {
      for (let v = 0; v < kw; v++) {
        const first = firstInside(v, strideW, padW, outW);
        const end = max(first, endInside(v, strideW, padW, width, outW));
        for (let y = 0; y < outH; y++) {
          const row = y * strideH + u - padH;
          if (row < 0 || row >= height || first == end) {
            memory.fill(dst, 0, rowBytes);
          } else {
            for (let x = 0; x < first; x++) store<u64>(dst + (<usize>x << 3), 0);
            let from = src + (<usize>((c * height + row) * width + first * strideW + v - padW) << 3);
            if (strideW == 1) {
              memory.copy(dst + (<usize>first << 3), from, <usize>(end - first) << 3);
            } else {
              for (let x = first; x < end; x++) {
                store<u64>(dst + (<usize>x << 3), load<u64>(from));
                from += <usize>strideW << 3;
              }
            }
            for (let x = end; x < outW; x++) store<u64>(dst + (<usize>x << 3), 0);
          }
          dst += rowBytes;
        }
      }
    }
  }
}

export function col2im(
  dst: usize, src: usize, channels: i32, height: i32, width: i32, kh: i32, kw: i32,
  strideH: i32, strideW: i32, padH: i32, padW: i32,
): void {
  const outH = outSize(height, kh, strideH, padH);
  const outW = outSize(width, kw, strideW, padW);
  for (let c = 0; c < channels; c++) {
    for (let u = 0; u < kh; u++) {
      for (let v = 0; v < kw; v++) {
        const first = firstInside(v, strideW, padW, outW);
        const end = max(first, endInside(v, strideW, padW, width, outW));
        for (let y = 0; y < outH; y++) {
          const row = y * strideH + u - padH;
          if (row >= 0 && row < height && first < end) {
            let to = dst + (<usize>((c * height + row) * width + first * strideW + v - padW) << 3);
            if (strideW == 1) {
              add(to, to, src + (<usize>first << 3), end - first);
            } else {
              for (let x = first; x < end; x++) {
                store<u64>(to, load<u64>(to) + load<u64>(src + (<usize>x << 3)));
                to += <usize>strideW << 3;
              }
            }
          }
          src += <usize>outW << 3;
        }
      }
    }
  }
}
