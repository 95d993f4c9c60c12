// The kernels of trees.ts for inputs of 32 bits and payloads of pairs of 32-bit numbers.
import { evalEnd, evalStart, evalStep, genEnd, genStart, genStep } from "./trees";

export function dcfEvalStart32(
  rows: usize, roots: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  evalStart<i32>(rows, roots, x, bit, n, words);
}
export function dcfEvalStep32(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, x: usize, bit: i32, n: i32, words: i32,
): void {
  evalStep<i32>(rows, hashed, control, sums, seeds, values, x, bit, n, words);
}
export function dcfEvalEnd32(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, x: usize, n: i32, words: i32,
): void {
  evalEnd<i32>(rows, hashed, control, sums, values, skip, x, n, words);
}
export function dcfGenStart32(
  rows: usize, roots0: usize, roots1: usize, bit: i32, n: i32, words: i32,
): void {
  genStart<i32>(rows, roots0, roots1, bit, n, words);
}
export function dcfGenStep32(
  rows: usize, hashed: usize, control: usize, sums: usize, seeds: usize, values: usize, alpha: usize, beta: usize, bit: i32, n: i32, words: i32,
): void {
  genStep<i32>(rows, hashed, control, sums, seeds, values, alpha, beta, bit, n, words);
}
export function dcfGenEnd32(
  rows: usize, hashed: usize, control: usize, sums: usize, values: usize, skip: usize, alpha: usize, beta: usize, n: i32, words: i32,
): void {
  genEnd<i32>(rows, hashed, control, sums, values, skip, alpha, beta, n, words);
}
