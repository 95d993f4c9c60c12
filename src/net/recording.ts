/** The bytes of a recording: a list of entries with a JSON description in front. What they mean is in record.ts. */
import { InputError } from "../errors.js";

export interface Entry {
  /** Something that came in, or the digest of what was sent in this round. */
  readonly kind: "data" | "control" | "sent";
  readonly peer: number;
  readonly run: number;
  readonly round: number;
  readonly bytes: Uint8Array;
}

interface Head {
  readonly format: "secretgrad recording 1";
  readonly self: number;
  readonly names: readonly string[];
  readonly sessionId: string;
  readonly encrypted: boolean;
  /** "peer/label" to key, in hex. */
  readonly keys: Readonly<Record<string, string>>;
}

const KINDS = ["data", "control", "sent"] as const;
/** u8 kind, u8 peer, u48 run, u32 round, u32 length. */
const ENTRY_BYTES = 16;
const FORMAT = "secretgrad recording 1";

export class RecordingWriter {
  #head: Omit<Head, "keys"> | undefined;
  readonly #keys = new Map<string, string>();
  readonly #parts: Uint8Array[] = [];

  session(self: number, names: readonly string[], sessionId: bigint, encrypted: boolean): void {
    this.#head = { format: FORMAT, self, names, sessionId: sessionId.toString(16), encrypted };
  }

  key(peer: number, label: string, key: Uint8Array): void {
    this.#keys.set(`${peer}/${label}`, Buffer.from(key).toString("hex"));
  }

  /** Keeps a copy. */
  add({ kind, peer, run, round, bytes }: Entry): void {
    const entry = Buffer.alloc(ENTRY_BYTES + bytes.length);
    entry[0] = KINDS.indexOf(kind);
    entry[1] = peer;
    entry.writeUIntBE(run, 2, 6);
    entry.writeUInt32BE(round, 8);
    entry.writeUInt32BE(bytes.length, 12);
    entry.set(bytes, ENTRY_BYTES);
    this.#parts.push(entry);
  }

  toBytes(): Uint8Array {
    const head = Buffer.from(JSON.stringify({ ...this.#head, keys: Object.fromEntries(this.#keys) }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    return Buffer.concat([length, head, ...this.#parts]);
  }
}

export class RecordingReader {
  readonly self: number;
  readonly names: readonly string[];
  readonly sessionId: bigint;
  readonly encrypted: boolean;
  readonly entries: readonly Entry[];
  readonly #keys: Map<string, string>;

  constructor(recording: Uint8Array) {
    const bytes = Buffer.from(recording.buffer, recording.byteOffset, recording.length);
    let head: Head;
    const entries: Entry[] = [];
    try {
      let at = 4 + bytes.readUInt32BE(0);
      head = JSON.parse(bytes.subarray(4, at).toString()) as Head;
      if (head.format !== FORMAT) throw new RangeError("format");
      while (at < bytes.length) {
        const length = bytes.readUInt32BE(at + 12);
        const kind = KINDS[bytes[at]!];
        if (!kind || at + ENTRY_BYTES + length > bytes.length) throw new RangeError("entry");
        entries.push({
          kind,
          peer: bytes[at + 1]!,
          run: bytes.readUIntBE(at + 2, 6),
          round: bytes.readUInt32BE(at + 8),
          bytes: bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + length),
        });
        at += ENTRY_BYTES + length;
      }
      this.sessionId = BigInt(`0x${head.sessionId}`);
    } catch (cause) {
      throw new InputError("replay: expected a whole recording, got something else", { cause });
    }
    this.self = head.self;
    this.names = head.names;
    this.encrypted = head.encrypted;
    this.entries = entries;
    this.#keys = new Map(Object.entries(head.keys));
  }

  key(peer: number, label: string): Uint8Array {
    const key = this.#keys.get(`${peer}/${label}`);
    if (key === undefined)
      throw new InputError(`replay: expected a key that was recorded, got ${peer}/${label}; try the same session`);
    return new Uint8Array(Buffer.from(key, "hex"));
  }
}
