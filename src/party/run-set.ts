/** A set of run numbers as ranges: grants are mostly spent by consecutive runs. Not limited to consecutive ones. */

export type Ranges = readonly (readonly [first: number, last: number])[];

export class RunSet {
  /** Ascending, disjoint, not touching. */
  #ranges: [number, number][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }
  get ranges(): [number, number][] {
    return this.#ranges.map(([first, last]) => [first, last]);
  }

  has(run: number): boolean {
    return this.#ranges.some(([first, last]) => first <= run && run <= last);
  }

  add(run: number): void {
    this.addAll([[run, run]]);
  }

  /** True if that added anything. */
  addAll(ranges: Ranges): boolean {
    const before = this.#size;
    const last = this.#ranges.at(-1);
    if (ranges.length === 1 && last && ranges[0]![0] === last[1] + 1 && ranges[0]![1] > last[1]) {
      // The usual case: the next run.
      this.#size += ranges[0]![1] - last[1];
      last[1] = ranges[0]![1];
      return true;
    }
    if (ranges.length === 1 && ranges[0]![1] >= ranges[0]![0] && (!last || ranges[0]![0] > last[1] + 1)) {
      const [[first, end]] = ranges as [[number, number]];
      this.#ranges.push([first, end]);
      this.#size += end - first + 1;
      return true;
    }
    const merged: [number, number][] = [];
    const all = [...this.#ranges, ...ranges.map(([a, b]): [number, number] => [a, b])];
    for (const [first, end] of all.sort(([a], [b]) => a - b)) {
      if (end < first) continue;
      const open = merged.at(-1);
      if (open && first <= open[1] + 1) open[1] = Math.max(open[1], end);
      else merged.push([first, end]);
    }
    this.#ranges = merged;
    this.#size = merged.reduce((sum, [first, end]) => sum + end - first + 1, 0);
    return this.#size > before;
  }

  /** How many members are in `other`, too. */
  common(other: RunSet): number {
    let count = 0;
    let j = 0;
    for (const [first, last] of this.#ranges) {
      while (j < other.#ranges.length && other.#ranges[j]![1] < first) j++;
      for (let k = j; k < other.#ranges.length && other.#ranges[k]![0] <= last; k++)
        count += Math.min(last, other.#ranges[k]![1]) - Math.max(first, other.#ranges[k]![0]) + 1;
    }
    return count;
  }
}
