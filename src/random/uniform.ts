/** Uniform floating-point numbers for initial weights. Not for masks or noise: those are words of a Prg stream. */
import { secureRandom } from "./bytes.js";

/** n independent numbers in [low, high), 53 random bits each. */
export function uniform(n: number, low: number, high: number): Float64Array {
  const bytes = secureRandom(n * 8);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, n * 2);
  return Float64Array.from({ length: n }, (_, i) => {
    const unit = ((words[2 * i]! >>> 5) * 2 ** 26 + (words[2 * i + 1]! >>> 6)) / 2 ** 53;
    return low + unit * (high - low);
  });
}
