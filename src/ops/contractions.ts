/**
 * Einstein sums of any number of values: diagonals and sums of single letters first, then pair by pair from the left. Records nodes
 * of `einsum.ts`, which knows two factors, or of an element-wise product.
 */
import { ShapeError } from "../errors.js";
import { formatShape } from "../ring/index.js";
import { mul, sum, transpose } from "./build.js";
import { factors } from "./factor.js";
import type { Builder, Ref } from "./op.js";
import { diagonal } from "./rearrange.js";

interface Term {
  readonly ref: Ref;
  readonly letters: readonly string[];
}

/**
 * "bij,bjk->bik": a letter for each axis. A letter that the result lacks is summed over; without "->" the result has those that
 * stand once, in alphabetical order. A letter twice in one part is its diagonal. Each product of two is truncated before a third.
 */
export function einsum(b: Builder, equation: string, operands: readonly Ref[]): Ref {
  const [left = "", right] = equation.replace(/\s/g, "").split("->");
  const parts = left.split(",");
  const letters = parts.flatMap((part) => [...part]);
  const once = [...new Set(letters)].filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
  const out = right === undefined ? once : [...right];
  if (
    !/^[a-z]*(,[a-z]*)*$/.test(left) ||
    parts.length !== operands.length ||
    new Set(out).size !== out.length ||
    !out.every((letter) => letters.includes(letter))
  )
    throw new ShapeError(
      `einsum: expected letters for ${operands.length} values and a result made of them, got "${equation}"; try "ij,jk->ik"`,
    );
  const terms = operands.map((ref, i): Term => onDiagonals(b, { ref, letters: [...parts[i]!] }, equation));
  let [result, ...rest] = terms as [Term, ...Term[]];
  result = reduced(b, result, [...out, ...rest.flatMap((term) => term.letters)]);
  for (let [next] = rest; next; [next] = rest) {
    rest = rest.slice(1);
    const later = [...out, ...rest.flatMap((term) => term.letters)];
    result = multiplied(b, result, reduced(b, next, [...later, ...result.letters]), later, equation);
    result = reduced(b, result, later);
  }
  return out.every((letter, axis) => result.letters[axis] === letter)
    ? result.ref
    : transpose(
        b,
        result.ref,
        out.map((letter) => result.letters.indexOf(letter)),
      );
}

/** Each letter once. */
function onDiagonals(b: Builder, term: Term, equation: string): Term {
  const { ref, letters } = term;
  const { shape } = ref.type;
  if (letters.length !== shape.length)
    throw new ShapeError(
      `einsum: expected a letter for each axis of ${formatShape(shape)}, got "${equation}"; try another equation`,
    );
  const twice = letters.find((letter, axis) => letters.indexOf(letter) !== axis);
  if (twice === undefined) return term;
  const [p, q] = [letters.indexOf(twice), letters.lastIndexOf(twice)];
  if (shape[p] !== shape[q])
    throw new ShapeError(`einsum: expected one length for ${twice}, got ${formatShape(shape)}; try another equation`);
  const others = letters.map((_, axis) => axis).filter((axis) => axis !== p && axis !== q);
  const line = diagonal(b, transpose(b, ref, [...others, p, q]));
  return onDiagonals(b, { ref: line, letters: [...others.map((axis) => letters[axis]!), twice] }, equation);
}

/** Summed over what nobody needs any more. */
function reduced(b: Builder, { ref, letters }: Term, needed: readonly string[]): Term {
  const axes = letters.map((_, axis) => axis).filter((axis) => !needed.includes(letters[axis]!));
  if (axes.length === 0) return { ref, letters };
  return { ref: sum(b, ref, axes), letters: letters.filter((letter) => needed.includes(letter)) };
}

function multiplied(b: Builder, x: Term, y: Term, later: readonly string[], equation: string): Term {
  for (const [axis, letter] of x.letters.entries()) {
    const other = y.letters.indexOf(letter);
    if (other >= 0 && y.ref.type.shape[other] !== x.ref.type.shape[axis])
      throw new ShapeError(
        `einsum: expected one length for ${letter} in "${equation}", got ${formatShape(x.ref.type.shape)} and ${formatShape(y.ref.type.shape)}`,
      );
  }
  const all = [...new Set([...x.letters, ...y.letters])];
  const same = all.length === x.letters.length && all.length === y.letters.length;
  if (same && all.every((letter) => later.includes(letter))) {
    const order = x.letters.map((letter) => y.letters.indexOf(letter));
    return { ref: mul(b, x.ref, transpose(b, y.ref, order)), letters: x.letters };
  }
  const out = all.filter((letter) => later.includes(letter));
  const axes = `${x.letters.join("")},${y.letters.join("")}->${out.join("")}`;
  return { ref: b.node("einsum", factors(b, x.ref, y.ref), { axes }), letters: out };
}
