/** Pooling layers, with PyTorch's names and shapes. No parameters. */

import { checkOptions } from "../options.js";
import type { AdaptiveSize, AvgPoolOptions, MaxPoolOptions, PerAxis } from "../tensor/index.js";
import * as functional from "../tensor/index.js";
import { described, type Module, module, playing } from "./module.js";

/** [..., length]: means of windows; see avgPool2d. */
export function avgPool1d(kernelSize: PerAxis, options: AvgPoolOptions = {}): Module {
  checkOptions("avgPool1d", options, functional.avgPoolNames);
  return described(
    module({}, (x) => functional.avgPool1d(x, kernelSize, options)),
    "avgPool1d",
    { kernelSize, ...options },
  );
}
/**
 * [..., height, width]: the mean of each window, `stride` (default: kernelSize) apart. Free: sums on the product before it, truncated
 * once with it; where a window's elements are no power of two at 20 fraction bits, one truncation more.
 */
export function avgPool2d(kernelSize: PerAxis, options: AvgPoolOptions = {}): Module {
  checkOptions("avgPool2d", options, functional.avgPoolNames);
  return described(
    module({}, (x) => functional.avgPool2d(x, kernelSize, options)),
    "avgPool2d",
    { kernelSize, ...options },
  );
}
/** [..., length]: the largest elements of windows; see maxPool2d. */
export function maxPool1d(kernelSize: PerAxis, options: MaxPoolOptions = {}): Module {
  checkOptions("maxPool1d", options, functional.maxPoolNames);
  const layer = described(
    module({}, (x) => functional.maxPool1d(x, kernelSize, options)),
    "maxPool1d",
    { kernelSize, ...options },
  );
  return playing("maxPool", layer);
}
/**
 * [..., height, width]: the largest element of each window, `stride` (default: kernelSize) apart.
 *
 * Cost, for windows of k elements: k - 1 comparisons and selections an output in ceil(log2 k) levels (rep3: 7 rounds a level), in
 * training k - 1 selections more and nothing compared again. A relu commutes with it: sequential() puts the pooling first, which
 * leaves the relu k times fewer elements; do so in networks of your own.
 */
export function maxPool2d(kernelSize: PerAxis, options: MaxPoolOptions = {}): Module {
  checkOptions("maxPool2d", options, functional.maxPoolNames);
  const layer = described(
    module({}, (x) => functional.maxPool2d(x, kernelSize, options)),
    "maxPool2d",
    { kernelSize, ...options },
  );
  return playing("maxPool", layer);
}
/** [..., height, width] -> [..., outputSize], means; null leaves an axis as it is. Free. */
export function adaptiveAvgPool2d(outputSize: AdaptiveSize): Module {
  return described(
    module({}, (x) => functional.adaptiveAvgPool2d(x, outputSize)),
    "adaptiveAvgPool2d",
    { outputSize },
  );
}
/** [..., height, width] -> [..., outputSize], the largest elements; null leaves an axis as it is. Cost as maxPool2d. */
export function adaptiveMaxPool2d(outputSize: AdaptiveSize): Module {
  return playing(
    "maxPool",
    module({}, (x) => functional.adaptiveMaxPool2d(x, outputSize)),
  );
}
