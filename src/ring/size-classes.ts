/**
 * Which sizes the arena hands out, and lists of free chunks by size. Not aware of blocks, owners or memory.
 *
 * Sizes are counted in units of 64 bytes. Class sizes are 1, 2, …, 8 units and then 9/8, 10/8, …, 16/8 of each power of
 * two, so that rounding up wastes at most an eighth.
 */

/** Bytes of a unit: a cache line, so that no two blocks share one. */
export const UNIT = 64;

/** The smallest class that holds `units` (at least 1). */
export function classFor(units: number): number {
  if (units <= 8) return units - 1;
  const step = 28 - Math.clz32(units - 1);
  return 8 * step + ((units - 1) >>> step);
}

/** Units of a class: the inverse of classFor on the sizes that classes have. */
export function unitsOf(sizeClass: number): number {
  if (sizeClass < 16) return sizeClass + 1;
  const step = (sizeClass >>> 3) - 1;
  return ((sizeClass & 7) + 9) * 2 ** step;
}

/** Free chunks, last in first out within a class: the last freed is the likeliest still in the cache. */
export class FreeLists {
  readonly #lists: number[][] = [];
  #units = 0;

  /** Units in all lists. */
  get units(): number {
    return this.#units;
  }

  push(ptr: number, sizeClass: number): void {
    while (this.#lists.length <= sizeClass) this.#lists.push([]);
    this.#lists[sizeClass]!.push(ptr);
    this.#units += unitsOf(sizeClass);
  }

  /** A chunk of exactly this class. */
  pop(sizeClass: number): number | undefined {
    const ptr = this.#lists[sizeClass]?.pop();
    if (ptr !== undefined) this.#units -= unitsOf(sizeClass);
    return ptr;
  }

  /** A chunk of this class cut off a larger one; what remains goes back to the lists. */
  popLarger(sizeClass: number): number | undefined {
    for (let larger = sizeClass + 1; larger < this.#lists.length; larger++) {
      const ptr = this.pop(larger);
      if (ptr === undefined) continue;
      const units = unitsOf(sizeClass);
      this.pushRange(ptr + units * UNIT, unitsOf(larger) - units);
      return ptr;
    }
    return undefined;
  }

  /** Adds a range of any size, cut into as few chunks as the classes allow. */
  pushRange(ptr: number, units: number): void {
    while (units > 0) {
      let sizeClass = classFor(units);
      if (unitsOf(sizeClass) > units) sizeClass--;
      this.push(ptr, sizeClass);
      ptr += unitsOf(sizeClass) * UNIT;
      units -= unitsOf(sizeClass);
    }
  }

  /** Joins neighbouring chunks. A range that ends at `top` is taken out; returns where it began, or `top`. */
  merge(top: number): number {
    const chunks = this.#lists.flatMap((list, sizeClass) => list.map((ptr) => ({ ptr, units: unitsOf(sizeClass) })));
    chunks.sort((a, b) => a.ptr - b.ptr);
    this.#lists.length = 0;
    this.#units = 0;
    let [start, end] = [0, 0];
    for (const { ptr, units } of chunks) {
      if (ptr !== end) {
        this.pushRange(start, (end - start) / UNIT);
        start = ptr;
      }
      end = ptr + units * UNIT;
    }
    if (end === top && start < end) return start;
    this.pushRange(start, (end - start) / UNIT);
    return top;
  }
}
