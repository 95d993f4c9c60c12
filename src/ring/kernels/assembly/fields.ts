// Arithmetic on fields of a few bits that are stored as planes, bit by bit for many elements at a time. Words get to planes
// and back in planes.ts.

/** One bit of x + y + carry goes to dst; the result is the next carry. `x` is masked already. */
// @ts-ignore: decorator
@inline
function addBit(dst: usize, x: v128, y: v128, carry: v128): v128 {
  const differ = v128.xor(x, y);
  v128.store(dst, v128.xor(differ, carry));
  return v128.or(v128.and(x, y), v128.and(differ, carry));
}

export function addFields(dst: usize, x: usize, mask: usize, y: usize, carry: usize, words: usize, width: i32): void {
  const planeBytes = words << 3;
  let at: usize = 0;
  // Two chains of carries side by side, because each alone waits for its own results.
  for (; at + 32 <= planeBytes; at += 32) {
    const m0 = mask ? v128.load(mask + at) : i64x2.splat(-1);
    const m1 = mask ? v128.load(mask + at, 16) : i64x2.splat(-1);
    let c0 = carry ? v128.load(carry + at) : i64x2.splat(0);
    let c1 = carry ? v128.load(carry + at, 16) : i64x2.splat(0);
    let plane = at;
    for (let p = 0; p < width; p++) {
      const x0 = v128.and(v128.load(x + plane), m0);
      const x1 = v128.and(v128.load(x + plane, 16), m1);
      const y0 = v128.load(y + plane);
      const y1 = v128.load(y + plane, 16);
      c0 = addBit(dst + plane, x0, y0, c0);
      c1 = addBit(dst + plane + 16, x1, y1, c1);
      plane += planeBytes;
    }
  }
  for (; at < planeBytes; at += 8) {
    const m: u64 = mask ? load<u64>(mask + at) : -1;
    let c: u64 = carry ? load<u64>(carry + at) : 0;
    let plane = at;
    for (let p = 0; p < width; p++) {
      const xp = load<u64>(x + plane) & m;
      const yp = load<u64>(y + plane);
      store<u64>(dst + plane, xp ^ yp ^ c);
      c = (xp & yp) | ((xp ^ yp) & c);
      plane += planeBytes;
    }
  }
}

export function nonNegative(dst: usize, src: usize, n: usize): void {
  while (n >= 64) {
    let signs: u64 = 0;
    for (let shift: u64 = 0; shift < 64; shift += 4) {
      const upper = v128.shuffle<i32>(v128.load(src), v128.load(src, 16), 1, 3, 5, 7);
      signs |= <u64>i32x4.bitmask(upper) << shift;
      src += 32;
    }
    store<u64>(dst, ~signs);
    dst += 8;
    n -= 64;
  }
  if (n == 0) return;
  let bits: u64 = 0;
  for (let i: usize = 0; i < n; i++) bits |= (~load<u64>(src + (i << 3)) >> 63) << i;
  store<u64>(dst, bits);
}
