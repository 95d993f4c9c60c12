/**
 * Tables of numbers as text (RFC 4180: quotes, any line end). Strict: an empty cell, NaN or a word is an error with its
 * row and column, never a silent zero. Not for text data; a column of words needs its list of categories.
 */
import { InputError } from "../errors.js";
import { checkOptions } from "../options.js";
import type { ArrayData, ReadOptions } from "./readers.js";

export interface CsvOptions extends ReadOptions {
  /** Whether the first row holds names. "auto" (default): if none of its cells is a number. */
  readonly header?: boolean | "auto";
  /** One character; default ",". */
  readonly delimiter?: string;
  /** Rows to pass over before the header. */
  readonly skipRows?: number;
  /** The columns to read, in this order, by name or number (from 0); default all. Others may hold anything. */
  readonly columns?: readonly (string | number)[];
  /** For columns of words, by name or number: the words; a cell becomes its place in the list. */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
}
export interface CsvData extends ArrayData {
  readonly values: Float64Array;
  /** The names of the columns read; undefined without a header. */
  readonly columns: readonly string[] | undefined;
}

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
/** Limits of what becomes strings: numbers and categories are short, and a file of another kind is soon noticed. */
const MOST_COLUMNS = 1_000_000;
const LONGEST_CELL = 10_000;
const NUMBER = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$/;
const POWERS = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);
const decoder = new TextDecoder("utf-8");

/** Reads a table of shape [rows, columns]. */
export function readCsv(source: string | Uint8Array, options: CsvOptions = {}): CsvData {
  checkOptions("readCsv", options, {
    file: true,
    header: true,
    delimiter: true,
    skipRows: true,
    columns: true,
    categories: true,
  });
  const where = options.file ?? "readCsv";
  const scanner = new Scanner(where, typeof source === "string" ? new TextEncoder().encode(source) : source, options);
  for (let skipped = 0; skipped < (options.skipRows ?? 0) && !scanner.done; skipped++) scanner.skipRow();
  if (scanner.done) throw new InputError(`${where}: expected at least one row of numbers, got none`);

  const first = scanner.peekRow();
  const isNumber = (cell: string): boolean => NUMBER.test(cell.trim());
  const header = options.header === "auto" || options.header === undefined ? !first.some(isNumber) : options.header;
  const names = header ? first.map((cell) => cell.trim()) : undefined;
  // A file of one row of words is a header without data, except when words are what is wanted.
  if (header) scanner.skipRow();
  const width = first.length;
  const places = (options.columns ?? first.map((_, i) => i)).map((column) => placeOf(where, column, names, width));
  const slots = new Int32Array(width).fill(-1);
  for (const [slot, place] of places.entries()) {
    if (slots[place] !== -1) throw new InputError(`${where}: expected each column once, got column ${place} twice`);
    slots[place] = slot;
  }
  const words = new Array<Map<string, number> | undefined>(width).fill(undefined);
  for (const [column, list] of Object.entries(options.categories ?? {})) {
    const place = placeOf(where, names?.includes(column) ? column : Number(column), names, width);
    words[place] = new Map(list.map((word, i) => [word, i]));
  }

  const perRow = places.length;
  if (perRow === 0) throw new InputError(`${where}: expected at least one column, got none`);
  const values = allocate(where, scanner.mostRows(width, perRow) * perRow);
  let rows = 0;
  let whole = true;
  while (!scanner.done) {
    const at = rows * perRow;
    for (let column = 0; column < width; column++) {
      const last = column === width - 1;
      const slot = slots[column]!;
      if (slot < 0) scanner.skipCell(column, last);
      else {
        const list = words[column];
        const value = list === undefined ? scanner.number(column, last) : scanner.word(column, last, list);
        whole &&= Number.isSafeInteger(value);
        values[at + slot] = value;
      }
    }
    rows++;
  }
  if (rows === 0) throw new InputError(`${where}: expected at least one row of numbers, got none below the header`);
  return {
    shape: [rows, perRow],
    values: rows * perRow === values.length ? values : values.slice(0, rows * perRow),
    kind: whole ? "integer" : "float",
    columns: names && places.map((place) => names[place]!),
  };
}

function allocate(where: string, elements: number): Float64Array {
  try {
    return new Float64Array(elements);
  } catch (cause) {
    throw new InputError(`${where}: expected memory for ${elements} numbers, got none; try fewer columns`, { cause });
  }
}

function placeOf(where: string, column: string | number, names: string[] | undefined, width: number): number {
  const place = typeof column === "number" ? column : (names?.indexOf(column) ?? -1);
  if (!Number.isInteger(place) || place < 0 || place >= width)
    throw new InputError(
      `${where}: expected a column by ${names ? "name or " : ""}number below ${width}, got ${JSON.stringify(column)}`,
    );
  return place;
}

/** Walks over the bytes; every cell method ends behind the cell's delimiter or line end. */
class Scanner {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  readonly #delimiter: number;
  #at = 0;
  /** From 1, as editors and spreadsheets count. */
  #row = 1;
  #end: number;
  /** The cell that `#cell` found; a quoted one is without its quotes. */
  #from = 0;
  #to = 0;
  #escaped = false;

  constructor(where: string, bytes: Uint8Array, options: CsvOptions) {
    this.#where = where;
    this.#bytes = bytes;
    const delimiter = options.delimiter ?? ",";
    this.#delimiter = delimiter.charCodeAt(0);
    if (delimiter.length !== 1 || this.#delimiter > 126 || /["\r\n0-9.eE+-]/.test(delimiter))
      throw new InputError(`${where}: expected a delimiter of one character, got another; try "," ";" or "\\t"`);
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
    // Empty lines at the end are no rows.
    this.#end = bytes.length;
    while (this.#end > this.#at && (bytes[this.#end - 1] === LF || bytes[this.#end - 1] === CR)) this.#end--;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /**
   * How many rows can follow at most: a row ends with its line, and a cell takes a byte for its delimiter and, if it is
   * read, another for its number. So at most four times the bytes of the input are allocated, whatever is in it.
   */
  mostRows(width: number, read: number): number {
    let lines = 1;
    for (let at = this.#at; at < this.#end; at++) if (this.#bytes[at] === LF) lines++;
    return Math.min(lines, Math.floor((this.#end - this.#at + 1) / (width + read)));
  }

  /** The texts of this row; does not move. */
  peekRow(): string[] {
    const [at, row] = [this.#at, this.#row];
    const cells: string[] = [];
    let more = true;
    while (more) {
      more = this.#cell(cells.length);
      cells.push(this.#text(cells.length));
      if (cells.length > MOST_COLUMNS) throw this.#bad(MOST_COLUMNS, `at most ${MOST_COLUMNS} columns`, "more");
    }
    [this.#at, this.#row] = [at, row];
    return cells;
  }

  skipRow(): void {
    let column = 0;
    while (this.#cell(column)) column++;
    this.#row++;
  }

  skipCell(column: number, last: boolean): void {
    this.#finish(column, last, this.#cell(column));
  }

  word(column: number, last: boolean, list: ReadonlyMap<string, number>): number {
    const more = this.#cell(column);
    const value = list.get(this.#text(column).trim());
    if (value === undefined) throw this.#bad(column, `one of the ${list.size} categories`, "another word");
    this.#finish(column, last, more);
    return value;
  }

  number(column: number, last: boolean): number {
    const bytes = this.#bytes;
    let at = this.#at;
    // Up to 15 digits with a point, directly from the bytes: mantissa and power of ten are exact, so that the one
    // division rounds correctly (Clinger 1990). Everything else takes the slow path below.
    const negative = bytes[at] === 0x2d;
    if (negative) at++;
    let mantissa = 0;
    let digits = 0;
    let point = -1;
    for (; digits <= 15; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x30 && byte <= 0x39) {
        mantissa = mantissa * 10 + byte - 0x30;
        digits++;
      } else if (byte === 0x2e && point < 0) point = digits;
      else break;
    }
    if (bytes[at] === CR && bytes[at + 1] === LF) at++;
    const end = at >= this.#end ? LF : bytes[at]!;
    if (digits > 0 && digits <= 15 && (end === this.#delimiter || end === LF)) {
      const more = end === this.#delimiter && at < this.#end;
      this.#at = at + 1;
      this.#finish(column, last, more);
      const magnitude = point < 0 ? mantissa : mantissa / POWERS[digits - point]!;
      return negative ? -magnitude : magnitude;
    }
    const more = this.#cell(column);
    const text = this.#text(column).trim();
    if (text === "") throw this.#bad(column, "a number", "an empty cell");
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw this.#bad(column, "a finite number", "something else");
    this.#finish(column, last, more);
    return value;
  }

  /** Finds the next cell and moves behind it; true if another one follows in this row. */
  #cell(column: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    this.#escaped = false;
    if (at < this.#end && bytes[at] === QUOTE) {
      this.#from = ++at;
      for (; ; at++) {
        if (at >= this.#end) throw this.#bad(column, "a closing quote", "the end of the file");
        if (bytes[at] !== QUOTE) continue;
        if (bytes[at + 1] !== QUOTE || at + 1 >= this.#end) break;
        this.#escaped = true;
        at++;
      }
      this.#to = at++;
      if (bytes[at] === CR && (bytes[at + 1] === LF || at + 1 >= this.#end)) at++;
      if (at < this.#end && bytes[at] !== this.#delimiter && bytes[at] !== LF)
        throw this.#bad(column, "a delimiter after the closing quote", "something else");
    } else {
      this.#from = at;
      while (at < this.#end && bytes[at] !== this.#delimiter && bytes[at] !== LF) at++;
      this.#to = at > this.#from && bytes[at - 1] === CR && bytes[at] !== this.#delimiter ? at - 1 : at;
    }
    const more = at < this.#end && bytes[at] === this.#delimiter;
    this.#at = at + 1;
    // A delimiter at the very end of the file begins an empty cell.
    return more;
  }

  #text(column: number): string {
    if (this.#to - this.#from > LONGEST_CELL)
      throw this.#bad(column, `a cell of at most ${LONGEST_CELL} bytes`, "a longer one");
    const text = decoder.decode(this.#bytes.subarray(this.#from, this.#to));
    return this.#escaped ? text.replaceAll('""', '"') : text;
  }

  #finish(column: number, last: boolean, more: boolean): void {
    if (last === more)
      throw this.#bad(column + 1, last ? "the end of the row" : "another cell", more ? "a cell" : "none");
    if (last) this.#row++;
  }

  #bad(column: number, expected: string, got: string): InputError {
    return new InputError(
      `${this.#where}: expected ${expected}, got ${got} in row ${this.#row}, column ${column + 1} (from 1); try to clean the data`,
    );
  }
}
