/**
 * How fast the ring kernels are on one core: products by shape, convolutions, element-wise work, bit planes. Not a
 * benchmark of protocols. The naive product is measured interleaved with the kernel, because absolute numbers on a
 * shared machine move by a factor of two; medians and minima of many repetitions for the same reason.
 */
import { pathToFileURL } from "node:url";
import { type Block, Ring, type Scope } from "../src/ring/index.js";

export interface KernelRow {
  readonly case: string;
  /** Median seconds of one call. */
  readonly seconds: number;
  readonly min: number;
  /** 10^9 multiply-adds per second, by the median. */
  readonly gmacs?: number;
  /** Median seconds of the naive loop over those of the kernel, for the case that has one. */
  readonly ratio?: number;
}

interface Case {
  readonly name: string;
  readonly macs?: number;
  /** Measured in turn with the case named before it. */
  readonly against?: string;
  readonly repetitions: number;
  /** Prepares operands and returns what is timed. */
  readonly prepare: (ring: Ring, scope: Scope) => () => void;
}

/** Deterministic operands; speed does not depend on them. */
function fill(ring: Ring, block: Block): Block {
  const halves = ring.u32(block);
  let state = 1;
  for (let i = 0; i < halves.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    halves[i] = state;
  }
  return block;
}

const matmul = (m: number, k: number, n: number, repetitions: number): Case => ({
  name: `matmul ${m}x${k}x${n}`,
  macs: m * k * n,
  repetitions,
  prepare: (ring, scope) => {
    const [c, a, b] = [m * n, m * k, k * n].map((words) => fill(ring, scope.alloc(words)).ptr);
    return () => ring.kernels.matmul(c!, a!, b!, m, k, n, 0);
  },
});
/** The same case over words of 32 bits. */
const narrow = (item: Case): Case => ({
  ...item,
  name: item.name.replace("matmul", "matmul32"),
  prepare: ({ narrow: ring }) => item.prepare(ring, ring.scope()),
});

/** Of `batch` square images with square filters, stride 1, no padding. */
const convolution = (batch: number, channels: number, size: number, filters: number, kernel: number): Case => {
  const out = size - kernel + 1;
  const [k, n] = [channels * kernel * kernel, batch * out * out];
  return {
    name: `conv ${batch}x${channels}x${size}x${size} ${filters}x${kernel}x${kernel}`,
    macs: filters * k * n,
    repetitions: 15,
    prepare: (ring, scope) => {
      const [c, a, b] = [filters * n, filters * k, batch * channels * size * size].map((words) => scope.alloc(words));
      const table = (length: number, place: (i: number) => number) => {
        const block = scope.alloc(Math.ceil(length / 2));
        ring.u32(block).set(Array.from({ length }, (_, i) => 8 * place(i)));
        return block.ptr;
      };
      const corner = (i: number, columns: number) => Math.floor(i / columns) * size + (i % columns);
      const image = (i: number) => Math.floor(i / (out * out));
      const tables = [
        table(filters, (o) => o * out * out),
        table(n, (p) => image(p) * (filters - 1) * out * out + p),
        table(filters, (o) => o * k),
        table(k, (i) => i),
        table(k, (i) => Math.floor(i / kernel ** 2) * size * size + corner(i % kernel ** 2, kernel)),
        table(n, (p) => image(p) * channels * size * size + corner(p % (out * out), out)),
      ] as const;
      const [rc, cc, ra, ca, rb, cb] = tables;
      for (const block of [a!, b!]) fill(ring, block);
      return () => ring.kernels.matmulIndexed(c!.ptr, rc, cc, a!.ptr, ra, ca, b!.ptr, rb, cb, filters, k, n, 0);
    },
  };
};

type Product = (c: BigUint64Array, a: BigUint64Array, b: BigUint64Array, m: number, k: number, n: number) => void;

/** The textbook: an inner product for every element of C. */
const innerProducts: Product = (c, a, b, m, k, n) => {
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0n;
      // Without asUintN the sum grows beyond 64 bits, and V8 is ten times slower still.
      for (let p = 0; p < k; p++) sum = BigInt.asUintN(64, sum + a[i * k + p]! * b[p * n + j]!);
      c[i * n + j] = sum;
    }
};

/** The strongest of the simple loops: rows of B are added to rows of C, so that everything is read in order. */
const rowUpdates: Product = (c, a, b, m, k, n) => {
  c.fill(0n);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = a[i * k + p]!;
      for (let j = 0; j < n; j++) c[i * n + j]! += x * b[p * n + j]!;
    }
};

const naive = (name: string, product: Product): Case => ({
  name: `naive BigUint64Array ${name} 256x256x256`,
  macs: 256 ** 3,
  against: "matmul 256x256x256",
  repetitions: 15,
  prepare: () => {
    const ring = new Ring();
    const [c, a, b] = [0, 1, 2].map(() => new BigUint64Array(ring.u64(fill(ring, ring.scope().alloc(256 * 256)))));
    return () => product(c!, a!, b!, 256, 256, 256);
  },
});

const MILLION = 1_000_000;
const cases: readonly Case[] = [
  matmul(256, 256, 256, 200),
  naive("i,j,k", innerProducts),
  naive("i,k,j", rowUpdates),
  narrow(matmul(256, 256, 256, 200)),
  matmul(64, 784, 128, 300),
  narrow(matmul(64, 784, 128, 300)),
  matmul(512, 512, 512, 25),
  matmul(1, 784, 128, 2000),
  matmul(128, 128, 10, 1000),
  matmul(784, 64, 128, 300),
  matmul(16, 9, 784, 1000),
  matmul(128, 784, 1, 1000),
  {
    name: "add 1e6",
    repetitions: 200,
    prepare: (ring, scope) => {
      const [d, a, b] = [0, 1, 2].map(() => fill(ring, scope.alloc(MILLION)).ptr);
      return () => ring.kernels.add(d!, a!, b!, MILLION);
    },
  },
  {
    name: "add 1e3",
    repetitions: 5000,
    prepare: (ring, scope) => {
      const [d, a, b] = [0, 1, 2].map(() => fill(ring, scope.alloc(1000)).ptr);
      return () => ring.kernels.add(d!, a!, b!, 1000);
    },
  },
  ...[20, 32, 64].flatMap((width): Case[] => [
    {
      name: `slice w=${width} 1e6`,
      repetitions: 100,
      prepare: (ring, scope) => {
        const [d, a] = [Math.ceil(MILLION / 64) * width, MILLION].map((words) => fill(ring, scope.alloc(words)).ptr);
        return () => ring.kernels.slice(d!, a!, MILLION, width);
      },
    },
    {
      name: `unslice w=${width} 1e6`,
      repetitions: 100,
      prepare: (ring, scope) => {
        const [d, a] = [MILLION, Math.ceil(MILLION / 64) * width].map((words) => fill(ring, scope.alloc(words)).ptr);
        return () => ring.kernels.unslice(d!, a!, MILLION, width);
      },
    },
  ]),
  {
    name: "funnel 20 bits 1e6",
    repetitions: 100,
    prepare: (ring, scope) => {
      const [d, p] = [MILLION, Math.ceil(MILLION / 64) * 20].map((words) => fill(ring, scope.alloc(words)).ptr);
      return () => ring.kernels.funnel(d!, d!, p!, MILLION, 20);
    },
  },
  {
    name: "addFields 20 bits 1e6",
    repetitions: 100,
    prepare: (ring, scope) => {
      const words = Math.ceil(MILLION / 64);
      const [x, y, m] = [words * 20, words * 20, words].map((count) => fill(ring, scope.alloc(count)).ptr);
      return () => ring.kernels.addFields(x!, x!, m!, y!, m!, words, 20);
    },
  },
  convolution(128, 1, 28, 20, 5),
  convolution(128, 20, 12, 50, 5),
  {
    name: "sumWindows 2x2 1024x24x24",
    repetitions: 100,
    prepare: (ring, scope) => {
      const [d, a] = [1024 * 12 * 12, 1024 * 24 * 24].map((words) => fill(ring, scope.alloc(words)).ptr);
      const window = scope.alloc(5);
      ring.u32(window).set([2, 2, 12, 12, 24, 24, 2, 2, 0, 0]);
      return () => ring.kernels.sumWindows(d!, a!, window.ptr, 1024);
    },
  },
  {
    name: "transpose 784x128",
    repetitions: 500,
    prepare: (ring, scope) => {
      const [d, a] = [784 * 128, 784 * 128].map((words) => fill(ring, scope.alloc(words)).ptr);
      return () => ring.kernels.transpose(d!, a!, 784, 128);
    },
  },
];

/** Products around the size from which a second thread is asked, and large ones; see threads.ts. */
export const products: readonly Case[] = [
  ...[
    matmul(80, 80, 80, 1),
    matmul(100, 100, 100, 1),
    matmul(128, 128, 128, 1),
    matmul(64, 784, 128, 1),
    matmul(128, 784, 128, 1),
    matmul(256, 256, 256, 1),
    matmul(512, 512, 512, 1),
    matmul(1024, 1024, 1024, 1),
  ].flatMap((item) => [item, narrow(item)]),
  convolution(128, 1, 28, 20, 5),
  convolution(128, 20, 12, 50, 5),
];

const time = (run: () => void): number => {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1e3;
};

function row(entry: Case, times: number[]): KernelRow {
  times.sort((x, y) => x - y);
  const [seconds, min] = [times[times.length >> 1]!, times[0]!];
  const gmacs = entry.macs === undefined ? {} : { gmacs: entry.macs / seconds / 1e9 };
  return { case: entry.name, seconds, min, ...gmacs };
}

/** Measures all cases, or those whose name contains `only`. */
export async function* kernels(options: { readonly only?: string } = {}): AsyncIterable<KernelRow> {
  const chosen = cases.filter(({ name }) => name.includes(options.only ?? ""));
  for (const entry of chosen) {
    const ring = new Ring();
    const scope = ring.scope();
    const run = entry.prepare(ring, scope);
    const partner = cases.find(({ name }) => name === entry.against);
    const other = partner?.prepare(ring, scope);
    // The first calls run in V8's baseline compiler.
    for (let i = 0; i < 5; i++) run();
    for (let i = 0; i < 20; i++) other?.();
    const times: number[] = [];
    const others: number[] = [];
    for (let i = 0; i < entry.repetitions; i++) {
      times.push(time(run));
      if (other) for (let j = 0; j < 5; j++) others.push(time(other));
    }
    const measured = row(entry, times);
    if (!partner) yield measured;
    else {
      const beside = row(partner, others);
      yield { ...measured, ratio: measured.seconds / beside.seconds };
      yield { ...beside, case: `${beside.case}, interleaved` };
    }
    scope.close();
    // Lets the caller print before the next case starts.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const only = process.argv[2];
  for await (const { case: name, seconds, min, gmacs, ratio } of kernels(only === undefined ? {} : { only })) {
    const speed = gmacs === undefined ? "" : `  ${gmacs.toFixed(2)} G multiply-adds/s`;
    const times = `${(seconds * 1e3).toFixed(4).padStart(10)} ms  min ${(min * 1e3).toFixed(4).padStart(10)} ms`;
    console.log(
      `${name.padEnd(42)} ${times}${speed}${ratio === undefined ? "" : `  ${ratio.toFixed(1)}x the kernel's time`}`,
    );
  }
}
