/**
 * Refuses options of names that nobody reads: types say so to some, but not to who runs TypeScript without checking it or writes
 * JavaScript, and a mistyped option would be one that was not given. Not the values of options, which their readers check.
 */
import { InputError } from "./errors.js";

/** The name of every option, so that the compiler asks for those that are missing here. */
export type Names<O> = { readonly [K in keyof O]-?: unknown };

/** Throws InputError for what is no object, and for a name that is not among `names`. */
export function checkOptions<O extends object>(where: string, options: O, names: Names<NoInfer<O>>): void {
  const known = Object.keys(names);
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new InputError(
      `${where}: expected options in an object, got ${options === null ? "null" : typeof options}; try { ${known[0]}: … }`,
    );
  const other = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (other === undefined) return;
  throw new InputError(
    `${where}: expected ${known.length === 0 ? "no options" : `options named ${known.join(", ")}`}, got ${JSON.stringify(other)}; try ${known.length === 0 ? "without" : nearest(other, known)}`,
  );
}

/** Throws InputError for a value that is none of those listed. */
export function checkChoice<T extends string>(where: string, what: string, value: T, choices: readonly T[]): void {
  if (choices.includes(value)) return;
  const near = typeof value === "string" ? nearest(value, choices) : choices[0];
  throw new InputError(
    `${where}: expected ${what} ${choices.map((choice) => JSON.stringify(choice)).join(" or ")}, got ${JSON.stringify(value)}; try ${JSON.stringify(near)}`,
  );
}

/** The known name that most likely was meant: one that contains what was given or the reverse, else that of the fewest edits. */
export function nearest(given: string, known: readonly string[]): string {
  const contains = (name: string) =>
    [name, given].some((whole, i) => whole.toLowerCase().includes([given, name][i]!.toLowerCase()));
  const score = (name: string) => edits(given.toLowerCase(), name.toLowerCase()) - (contains(name) ? 100 : 0);
  return known.reduce((best, name) => (score(name) < score(best) ? name : best));
}

/** Levenshtein's distance, of at most the first 64 letters. */
function edits(from: string, to: string): number {
  const [a, b] = [from.slice(0, 64), to.slice(0, 64)];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
  }
  return row[b.length]!;
}
