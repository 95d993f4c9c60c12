/** What functions should give, in float64: the other side of sweeps and gradient checks. Not used on secrets. */

export function erf(x: number): number {
  const size = Math.abs(x);
  let sum = 0;
  if (size < 3) {
    // Taylor's series.
    for (let n = 0, term = size; n < 150; n++) {
      sum += term / (2 * n + 1);
      term *= (-size * size) / (n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  // The continued fraction of 1 - erf.
  for (let n = 60; n >= 1; n--) sum = n / 2 / (size + sum);
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + sum));
}
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));
export const geluTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
export const silu = (x: number): number => x / (1 + Math.exp(-x));
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const hardsigmoid = (x: number): number => Math.min(1, Math.max(0, x / 6 + 0.5));
