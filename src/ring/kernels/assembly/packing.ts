// Words of `width` bits to and from a tight little-endian bit stream, for the wire. Not bit planes (planes.ts).

/** The low `width` (1..64) bits set. */
// @ts-ignore: decorator
@inline
function lowMask(width: u64): u64 { return (~(<u64>0)) >> (64 - width); }

export function pack(dst: usize, src: usize, n: usize, bits: i32): void {
  const width = <u64>bits;
  if (width == 64) {
    memory.copy(dst, src, n << 3);
    return;
  }
  const mask = lowMask(width);
  let word: u64 = 0;
  let fill: u64 = 0; // bits of `word` in use, always below 64
  let i: usize = 0;
  if (width <= 32) {
    // Two values make one of at most 64 bits: half as many steps.
    const double = width << 1;
    for (; i + 2 <= n; i += 2) {
      const pair = (load<u64>(src) & mask) | ((load<u64>(src, 8) & mask) << width);
      src += 16;
      word |= pair << fill;
      fill += double;
      if (fill >= 64) {
        store<u64>(dst, word);
        dst += 8;
        fill -= 64;
        // What did not fit: the top `fill` bits of the pair. The shift is split because it is 64 when nothing is left.
        word = (pair >> 1) >> (double - fill - 1);
      }
    }
  }
  for (; i < n; i++) {
    const value = load<u64>(src) & mask;
    src += 8;
    word |= value << fill;
    fill += width;
    if (fill >= 64) {
      store<u64>(dst, word);
      dst += 8;
      fill -= 64;
      word = (value >> 1) >> (width - fill - 1);
    }
  }
  if (fill > 0) store<u64>(dst, word);
}

export function unpack(dst: usize, src: usize, n: usize, bits: i32): void {
  const width = <u64>bits;
  if (width == 64) {
    memory.copy(dst, src, n << 3);
    return;
  }
  const mask = lowMask(width);
  let at: u64 = 0; // position in bits
  let i: usize = 0;
  if (width <= 57) {
    // One unaligned load holds any value of up to 57 bits; those whose load would pass the last word come below.
    const words = (<u64>n * width + 63) >> 6;
    const safe = words * 64 >= 64 ? words * 64 - 64 : 0; // loads that begin at or before this bit stay inside
    for (; i < n && at <= safe; i++) {
      store<u64>(dst, (load<u64>(src + <usize>(at >> 3)) >> (at & 7)) & mask);
      dst += 8;
      at += width;
    }
  }
  for (; i < n; i++) {
    const from = src + <usize>((at >> 6) << 3);
    const shift = at & 63;
    let value = load<u64>(from) >> shift;
    if (shift + width > 64) value |= load<u64>(from, 8) << (64 - shift);
    store<u64>(dst, value & mask);
    dst += 8;
    at += width;
  }
}
