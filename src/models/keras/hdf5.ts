/**
 * The part of HDF5 that Keras writes: groups, attributes of numbers and texts, arrays of numbers in one piece. A reader of our own,
 * because a general one follows every pointer of a hostile file; here each block is visited once and everything read is counted.
 * Not compressed, chunked, external or linked data. Format: HDF5 File Format Specification, version 3.0 (The HDF Group).
 */
import { ModelFileError } from "../../errors.js";
import { size } from "../../ring/index.js";
import { checkedShape, Numbers } from "../numbers.js";

export type Attribute = string | number | readonly string[] | readonly number[];

/** A group with its members, or an array. */
export interface Hdf5Object {
  readonly path: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Members by name; undefined for an array. */
  readonly members: ReadonlyMap<string, () => Hdf5Object> | undefined;
  /** Throws ModelFileError for a group, and for elements that are no numbers. */
  read(): Numbers;
}

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
export const isHdf5 = (bytes: Uint8Array): boolean => signature.every((byte, i) => bytes[i] === byte);

/** Blocks, texts and attributes: more than any network has. */
const most = { blocks: 100_000, attributes: 100_000, textBytes: 2 ** 26 };
const missing = 2 ** 64;

interface Message {
  readonly type: number;
  readonly at: number;
  readonly length: number;
}
interface Datatype {
  readonly kind: "int" | "uint" | "float" | "text" | "texts" | "other";
  readonly size: number;
  readonly big: boolean;
}

export function readHdf5(bytes: Uint8Array, where: string): Hdf5Object {
  const file = new Reader(bytes, where);
  try {
    return file.root();
  } catch (error) {
    throw file.explained(error);
  }
}

class Reader {
  readonly #view: DataView;
  #blocks = 0;
  #texts = 0;
  #attributes = 0;
  #elements = 0;
  /** Object headers that are being read: a group inside itself is no tree. */
  readonly #open = new Set<number>();

  constructor(
    readonly bytes: Uint8Array,
    readonly where: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  explained(error: unknown): unknown {
    if (error instanceof ModelFileError || !(error instanceof RangeError)) return error;
    return this.#bad("a block inside the file", "one beyond its end", error);
  }
  #bad(expected: string, got: string, cause?: unknown): ModelFileError {
    return new ModelFileError(`${this.where}: expected ${expected}, got ${got}; try saving the model again`, { cause });
  }

  root(): Hdf5Object {
    if (!isHdf5(this.bytes)) throw this.#bad("an HDF5 file", "other bytes");
    const version = this.#u8(8);
    const isOld = version < 2;
    const [offsets, lengths] = isOld ? [this.#u8(13), this.#u8(14)] : [this.#u8(9), this.#u8(10)];
    if (version > 3 || offsets !== 8 || lengths !== 8)
      throw this.#bad("an HDF5 file with addresses of 8 bytes", `version ${version} with ${offsets} and ${lengths}`);
    const start = isOld ? 24 + (version === 1 ? 4 : 0) : 12;
    if (this.#u64(start) !== 0) throw this.#bad("a base address of 0", "another");
    return this.#object(this.#u64(isOld ? start + 40 : 36), "/");
  }

  #object(at: number, path: string): Hdf5Object {
    const messages = this.#messages(at);
    const attributes = new Map<string, Attribute>();
    for (const message of messages) if (message.type === 0x0c) this.#attribute(message, attributes);
    const space = messages.find(({ type }) => type === 1);
    const isArray = space !== undefined && messages.some(({ type }) => type === 8);
    const guarded = <T>(make: () => T): T => {
      try {
        return make();
      } catch (error) {
        throw this.explained(error);
      }
    };
    return {
      path,
      attributes,
      members: isArray ? undefined : this.#members(messages, at, path, guarded),
      read: () => guarded(() => this.#array(path, messages)),
    };
  }

  #members(
    messages: readonly Message[],
    from: number,
    path: string,
    guarded: <T>(make: () => T) => T,
  ): Map<string, () => Hdf5Object> {
    const members = new Map<string, () => Hdf5Object>();
    const add = (name: string, at: number) => {
      const inner = `${path === "/" ? "" : path}/${name}`;
      if (members.has(name)) throw this.#bad(`one member ${inner}`, "two");
      members.set(name, () =>
        guarded(() => {
          if (at === from || this.#open.has(at) || inner.length > 2_000)
            throw this.#bad("groups that are a tree", `${inner}, which is inside itself`);
          this.#open.add(from);
          try {
            return this.#object(at, inner);
          } finally {
            this.#open.delete(from);
          }
        }),
      );
    };
    for (const { type, at } of messages) {
      if (type === 0x11) this.#symbols(this.#u64(at), this.#u64(at + 8), add);
      if (type === 0x06) this.#link(at, add);
      const dense = type === 0x02 ? this.#u64(at + 2 + (this.#u8(at + 1) & 1 ? 8 : 0)) : missing;
      if (dense !== missing) throw this.#bad("groups as h5py writes them", `${path} in dense storage`);
    }
    return members;
  }

  /** Members of a group in a tree of nodes, each visited once. */
  #symbols(tree: number, heap: number, add: (name: string, at: number) => void): void {
    this.#expect(heap, "HEAP");
    const names = this.#u64(heap + 24);
    const visited = new Set<number>();
    const visit = (at: number, level: number | undefined): void => {
      if (visited.has(at)) throw this.#bad("a tree of members", "a node that is reached twice");
      visited.add(at);
      this.#count();
      if (level === -1) {
        this.#expect(at, "SNOD");
        for (let i = 0; i < this.#u16(at + 6); i++) {
          const entry = at + 8 + 40 * i;
          if (this.#u32(entry + 16) === 2) throw this.#bad("members in this file", "a symbolic link");
          add(this.#zeroEnded(names + this.#u64(entry)), this.#u64(entry + 8));
          this.#count();
        }
        return;
      }
      this.#expect(at, "TREE");
      const own = this.#u8(at + 5);
      if (this.#u8(at + 4) !== 0 || own !== (level ?? own) || own > 16) throw this.#bad("a tree of members", "another");
      for (let i = 0; i < this.#u16(at + 6); i++) visit(this.#u64(at + 32 + 16 * i), own - 1);
    };
    visit(tree, undefined);
  }

  #link(at: number, add: (name: string, at: number) => void): void {
    const flags = this.#u8(at + 1);
    let next = at + 2;
    if (flags & 8 && this.#u8(next++) !== 0) throw this.#bad("members in this file", "a link elsewhere");
    next += (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0);
    const width = 1 << (flags & 3);
    const length = width === 1 ? this.#u8(next) : width === 2 ? this.#u16(next) : this.#u32(next);
    if (length > 1_000 || width === 8) throw this.#bad("a name of at most 1000 bytes", `${length}`);
    add(this.#text(next + width, length), this.#u64(next + width + length));
  }

  /** Messages of an object's header with all its continuations. */
  #messages(at: number): Message[] {
    const isNew = this.#u8(at) === 0x4f;
    const messages: Message[] = [];
    const visited = new Set<number>();
    const blocks: { start: number; end: number }[] = [];
    let ordered = 0;
    if (isNew) {
      this.#expect(at, "OHDR");
      const flags = this.#u8(at + 5);
      const from = at + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
      const width = 1 << (flags & 3);
      const length = width === 1 ? this.#u8(from) : width === 2 ? this.#u16(from) : this.#u32(from);
      ordered = flags & 4 ? 2 : 0;
      blocks.push({ start: from + width, end: from + width + length });
    } else {
      if (this.#u8(at) !== 1) throw this.#bad("an object header", "other bytes");
      blocks.push({ start: at + 16, end: at + 16 + this.#u32(at + 8) });
    }
    for (const { start, end } of blocks) {
      if (visited.has(start)) throw this.#bad("a list of header blocks", "a block that is reached twice");
      visited.add(start);
      this.#count();
      const head = isNew ? 4 + ordered : 8;
      for (let i = start; i + head <= end; ) {
        const [type, length] = isNew ? [this.#u8(i), this.#u16(i + 1)] : [this.#u16(i), this.#u16(i + 2)];
        const shared = this.#u8(i + (isNew ? 3 : 4)) & 2;
        const own = { type, at: i + head, length };
        if (own.at + length > end) throw this.#bad("messages inside their block", "one beyond it");
        if (type === 0x10) {
          const [to, bytes] = [this.#u64(own.at), this.#u64(own.at + 8)];
          if (isNew) this.#expect(to, "OCHK");
          blocks.push(isNew ? { start: to + 4, end: to + bytes - 4 } : { start: to, end: to + bytes });
        } else if (shared && [1, 3, 8, 0x0c].includes(type))
          throw this.#bad("messages in their object", "a shared one");
        else messages.push(own);
        this.#count();
        i = own.at + length;
      }
    }
    const dense = messages.find(({ type }) => type === 0x15);
    if (dense) {
      const flags = this.#u8(dense.at + 1);
      if (this.#u64(dense.at + 2 + (flags & 1 ? 2 : 0)) !== missing)
        throw this.#bad("attributes as h5py writes them", "dense storage");
    }
    return messages;
  }

  #attribute({ at, length }: Message, into: Map<string, Attribute>): void {
    if (++this.#attributes > most.attributes) throw this.#bad(`at most ${most.attributes} attributes`, "more");
    const version = this.#u8(at);
    if (version < 1 || version > 3) throw this.#bad("attributes of version 1 to 3", String(version));
    const padded = (bytes: number) => (version === 1 ? Math.ceil(bytes / 8) * 8 : bytes);
    const [nameBytes, typeBytes, spaceBytes] = [this.#u16(at + 2), this.#u16(at + 4), this.#u16(at + 6)];
    const start = at + 8 + (version === 3 ? 1 : 0);
    const name = this.#text(start, nameBytes).replace(/\0+$/, "");
    const type = this.#datatype(start + padded(nameBytes));
    const shape = this.#dataspace(start + padded(nameBytes) + padded(typeBytes));
    const from = start + padded(nameBytes) + padded(typeBytes) + padded(spaceBytes);
    const n = size(shape);
    if ((n > 0 && type.size === 0) || from + n * type.size > at + length)
      throw this.#bad(`attribute ${name} in its message`, "one beyond it");
    if (type.kind === "other") return;
    const values = Array.from({ length: n }, (_, i) => this.#value(from + i * type.size, type));
    into.set(name, (shape.length === 0 ? values[0]! : values) as Attribute);
  }
  #value(at: number, type: Datatype): string | number {
    if (type.kind === "text") return this.#text(at, type.size).replace(/\0+$/, "");
    if (type.kind === "texts") return this.#heapText(this.#u32(at), this.#u64(at + 4), this.#u32(at + 12));
    return this.#number(at, type);
  }
  #heapText(length: number, heap: number, index: number): string {
    if (length === 0) return "";
    this.#expect(heap, "GCOL");
    const end = heap + this.#u64(heap + 8);
    for (let at = heap + 16; at + 16 <= end; ) {
      const bytes = this.#u64(at + 8);
      if (this.#u16(at) === index) return this.#text(at + 16, Math.min(length, bytes)).replace(/\0+$/, "");
      if (this.#u16(at) === 0) break;
      this.#count();
      at += 16 + Math.ceil(bytes / 8) * 8;
    }
    throw this.#bad("a text in the heap", "none of its number");
  }

  #datatype(at: number): Datatype {
    const [head, flags, bytes] = [this.#u8(at), this.#u8(at + 1), this.#u32(at + 4)];
    const big = (flags & 1) === 1;
    const kind = head & 15;
    if (kind === 0) return { kind: flags & 8 ? "int" : "uint", size: bytes, big };
    if (kind === 1) return { kind: "float", size: bytes, big };
    if (kind === 3) return { kind: "text", size: bytes, big: false };
    if (kind === 9 && (flags & 15) === 1 && bytes === 16) return { kind: "texts", size: bytes, big: false };
    return { kind: "other", size: bytes, big: false };
  }
  #dataspace(at: number): readonly number[] {
    const [version, rank] = [this.#u8(at), this.#u8(at + 1)];
    if (version !== 1 && version !== 2) throw this.#bad("a shape of version 1 or 2", String(version));
    if (version === 2 && this.#u8(at + 3) === 2) return [0];
    const start = at + (version === 1 ? 8 : 4);
    return checkedShape(
      this.where,
      Array.from({ length: Math.min(rank, 32) }, (_, i) => this.#u64(start + 8 * i)),
    );
  }

  #array(path: string, messages: readonly Message[]): Numbers {
    const find = (type: number) => messages.find((message) => message.type === type);
    const [space, type, storage] = [find(1), find(3), find(8)];
    if (!space || !type || !storage) throw this.#bad(`an array ${path}`, "a group");
    const shape = this.#dataspace(space.at);
    const element = this.#datatype(type.at);
    const [version, kind] = [this.#u8(storage.at), this.#u8(storage.at + 1)];
    if (find(0x0b) || (version !== 3 && version !== 4) || kind > 1)
      throw this.#bad(`${path} in one piece, as Keras writes it`, "a compressed or chunked array");
    if (!["int", "uint", "float"].includes(element.kind) || ![1, 2, 4, 8].includes(element.size))
      throw this.#bad(`numbers in ${path}`, element.kind);
    const n = size(shape);
    const [at, bytes] =
      kind === 0
        ? [storage.at + 4, this.#u16(storage.at + 2)]
        : [this.#u64(storage.at + 2), this.#u64(storage.at + 10)];
    if (n > 0 && (bytes < n * element.size || at + n * element.size > this.bytes.length))
      throw this.#bad(`${n} elements of ${element.size} bytes for ${path} [${shape}]`, `${bytes} bytes`);
    this.#elements += n;
    if (this.#elements * element.size > 2 * this.bytes.length) throw this.#bad("arrays that do not overlap", path);
    const data = Float64Array.from({ length: n }, (_, i) => this.#number(at + i * element.size, element));
    return new Numbers(shape, data, element.kind === "float" ? "float" : "int", element.kind === "float");
  }
  #number(at: number, { kind, size: bytes, big }: Datatype): number {
    const view = this.#view;
    const little = !big;
    if (kind === "float") {
      if (bytes === 4) return view.getFloat32(at, little);
      if (bytes === 8) return view.getFloat64(at, little);
    } else if (bytes === 1) return kind === "int" ? view.getInt8(at) : view.getUint8(at);
    else if (bytes === 2) return kind === "int" ? view.getInt16(at, little) : view.getUint16(at, little);
    else if (bytes === 4) return kind === "int" ? view.getInt32(at, little) : view.getUint32(at, little);
    else if (bytes === 8) return Number(kind === "int" ? view.getBigInt64(at, little) : view.getBigUint64(at, little));
    throw this.#bad("numbers of float32, float64 or whole", `${kind} of ${bytes} bytes`);
  }

  #count(): void {
    if (++this.#blocks > most.blocks * 10) throw this.#bad(`at most ${most.blocks} blocks`, "more");
  }
  #expect(at: number, mark: string): void {
    this.#count();
    for (let i = 0; i < mark.length; i++)
      if (this.#u8(at + i) !== mark.charCodeAt(i)) throw this.#bad(`a block ${mark}`, "other bytes");
  }
  #text(at: number, length: number): string {
    this.#texts += length;
    if (this.#texts > most.textBytes) throw this.#bad(`at most ${most.textBytes} bytes of text`, "more");
    if (at + length > this.bytes.length) throw this.#bad("a text inside the file", "one beyond its end");
    return new TextDecoder().decode(this.bytes.subarray(at, at + length));
  }
  #zeroEnded(at: number): string {
    const end = this.bytes.indexOf(0, at);
    if (end < 0 || end - at > 1_000) throw this.#bad("a name of at most 1000 bytes", "a longer one");
    return this.#text(at, end - at);
  }
  #u8(at: number): number {
    return this.#view.getUint8(at);
  }
  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }
  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }
  /** Addresses beyond 2^53 are beyond the file, too. */
  #u64(at: number): number {
    return this.#u32(at) + 2 ** 32 * this.#u32(at + 4);
  }
}
