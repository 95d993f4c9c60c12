/**
 * NumPy's .npy format, versions 1 to 3 (numpy/lib/format.py describes it). The header is a Python literal, read here by
 * a parser that knows only this one dictionary; nothing is evaluated. Not .npz and no pickled objects.
 */
import { InputError } from "../errors.js";
import { type ArrayData, checkClaim, checkFinite, elements, type NumericArray, type ReadOptions } from "./readers.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Ours has three keys; NumPy itself refuses longer headers. */
const LARGEST_HEADER = 10_000;
const DTYPES = "<f4 <f8 |u1 |i1 <i2 <u2 <i4 <u4 <i8";

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

export function readNpy(bytes: Uint8Array, options: ReadOptions = {}): ArrayData {
  const where = options.file ?? "readNpy";
  if (!isNpy(bytes)) throw new InputError(`${where}: expected a .npy file, got other bytes; try numpy.save`);
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw new InputError(`${where}: expected .npy version 1 to 3, got ${version}`);
  const lengthBytes = version === 1 ? 2 : 4;
  const from = 8 + lengthBytes;
  if (bytes.length < from) throw new InputError(`${where}: expected a whole header, got ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = from + length;
  if (length > LARGEST_HEADER || start > bytes.length)
    throw new InputError(
      `${where}: expected a header of at most ${LARGEST_HEADER} bytes inside the file, got ${length}`,
    );
  const header = new HeaderParser(where, new TextDecoder("latin1").decode(bytes.subarray(from, start))).parse();
  return readElements(where, bytes, start, header);
}

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

function readElements(where: string, bytes: Uint8Array, start: number, header: Header): ArrayData {
  const { descr, shape, fortranOrder } = header;
  const count = (size: number): number => checkClaim(where, shape, size, bytes.length - start);
  const done = (values: NumericArray, kind: ArrayData["kind"]): ArrayData => {
    if (values instanceof Float32Array || values instanceof Float64Array) checkFinite(where, shape, values);
    return { shape, values: fortranOrder ? toRowMajor(values, shape) : values, kind };
  };
  switch (descr) {
    case "<f4":
      return done(elements(Float32Array, bytes, start, count(4), 4, false), "float");
    case "<f8":
      return done(elements(Float64Array, bytes, start, count(8), 8, false), "float");
    case "|u1":
      return done(elements(Uint8Array, bytes, start, count(1), 1, false), "integer");
    case "|i1":
      return done(elements(Int8Array, bytes, start, count(1), 1, false), "integer");
    case "<i2":
      return done(elements(Int16Array, bytes, start, count(2), 2, false), "integer");
    case "<u2":
      return done(elements(Uint16Array, bytes, start, count(2), 2, false), "integer");
    case "<i4":
      return done(elements(Int32Array, bytes, start, count(4), 4, false), "integer");
    case "<u4":
      return done(elements(Uint32Array, bytes, start, count(4), 4, false), "integer");
    case "<i8":
      return done(fromInt64(where, elements(Int32Array, bytes, start, count(8) * 2, 4, false)), "integer");
    default:
      throw new InputError(
        `${where}: expected a dtype of ${DTYPES}, got ${/^[<>|=][a-zA-Z][0-9]{1,3}$/.test(descr) ? descr : "another"}; try array.astype("<f4")`,
      );
  }
}

/** 64-bit integers as doubles, from their 32-bit halves. */
function fromInt64(where: string, halves: Int32Array): Float64Array {
  const values = new Float64Array(halves.length / 2);
  for (let i = 0; i < values.length; i++) {
    const value = halves[2 * i + 1]! * 2 ** 32 + (halves[2 * i]! >>> 0);
    if (!Number.isSafeInteger(value))
      throw new InputError(
        `${where}: expected integers below 2^53, got a larger one at element ${i} (from 0); try smaller numbers`,
      );
    values[i] = value;
  }
  return values;
}

/** Column-major (Fortran) to row-major order. */
function toRowMajor<T extends NumericArray>(values: T, shape: readonly number[]): T {
  const result = values.slice() as T;
  const strides: number[] = [];
  let stride = 1;
  for (const length of shape) {
    strides.push(stride);
    stride *= length;
  }
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/** Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` and nothing else. */
class HeaderParser {
  #at = 0;
  constructor(
    readonly where: string,
    readonly text: string,
  ) {}

  parse(): Header {
    let descr: string | undefined;
    let fortranOrder: boolean | undefined;
    let shape: number[] | undefined;
    this.#expect("{");
    while (!this.#take("}")) {
      const key = this.#string();
      this.#expect(":");
      if (key === "descr" && descr === undefined) descr = this.#string();
      else if (key === "fortran_order" && fortranOrder === undefined) fortranOrder = this.#boolean();
      else if (key === "shape" && shape === undefined) shape = this.#tuple();
      else this.#fail("the keys descr, fortran_order and shape, once each");
      if (!this.#take(",")) {
        this.#expect("}");
        break;
      }
    }
    this.#space();
    if (this.#at < this.text.length) this.#fail("nothing after the dictionary");
    if (descr === undefined || fortranOrder === undefined || shape === undefined)
      return this.#fail("the keys descr, fortran_order and shape");
    return { descr, fortranOrder, shape };
  }

  #fail(expected: string): never {
    throw new InputError(`${this.where}: expected ${expected} in the .npy header, got something else at ${this.#at}`);
  }

  #space(): void {
    while (/[ \t\n]/.test(this.text.charAt(this.#at))) this.#at++;
  }

  #take(token: string): boolean {
    this.#space();
    if (!this.text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail(`"${token}"`);
  }

  #string(): string {
    const quote = this.#take("'") ? "'" : this.#take('"') ? '"' : this.#fail("a string");
    const end = this.text.indexOf(quote, this.#at);
    const string = this.text.slice(this.#at, end);
    if (end < 0 || /[\\\n]/.test(string)) this.#fail("a plain string");
    this.#at = end + 1;
    return string;
  }

  #boolean(): boolean {
    if (this.#take("True")) return true;
    return this.#take("False") ? false : this.#fail("True or False");
  }

  #tuple(): number[] {
    const lengths: number[] = [];
    this.#expect("(");
    while (!this.#take(")")) {
      this.#space();
      const digits = /^[0-9]{1,15}/.exec(this.text.slice(this.#at, this.#at + 16))?.[0] ?? this.#fail("a length");
      this.#at += digits.length;
      lengths.push(Number(digits));
      if (!this.#take(",")) {
        // (3) would be a number in Python, not a tuple.
        if (lengths.length === 1) this.#fail('","');
        this.#expect(")");
        break;
      }
    }
    return lengths;
  }
}
