/** One party's file of correlations for one plan: reads and checks segments, and keeps the account of what was used. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { InputError } from "../../errors.js";
import type { Incoming } from "../../net/index.js";
import { readFully, shown, systemError } from "../storage/durable.js";
import { Account } from "./account.js";
import {
  checkFrame,
  type DealtHeader,
  DIGEST_BYTES,
  damaged,
  decodeHead,
  FRAME_HEAD_BYTES,
  PREAMBLE_BYTES,
  restOfHead,
  SEGMENT_HEAD_BYTES,
  segmentHash,
  segmentKey,
} from "./format.js";

/** Bytes of one read. */
const PIECE = 256 << 10;

export class DealtFile {
  readonly path: string;
  readonly header: DealtHeader;
  readonly #fd: number;
  readonly #digest: Buffer;
  readonly #start: number;
  readonly #key: Uint8Array;
  readonly #account: Account;
  readonly #piece = Buffer.allocUnsafe(PIECE);

  /** Throws StorageError for a file that is damaged, short or without its account. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, "r");
    } catch (error) {
      throw systemError(path, "open", error);
    }
    try {
      const where = shown(path);
      const preamble = Buffer.alloc(PREAMBLE_BYTES);
      const rest = readFully(this.#fd, preamble, 0) ? restOfHead(preamble) : undefined;
      if (rest === undefined) throw damaged(where, "another kind of file");
      const head = Buffer.alloc(PREAMBLE_BYTES + rest);
      if (!readFully(this.#fd, head, 0)) throw damaged(where, "a file that ends in its header");
      const { header, digest } = decodeHead(head, where);
      this.header = header;
      this.#digest = digest;
      this.#key = new Uint8Array(Buffer.from(header.key, "base64"));
      this.#start = head.length;
      const size = this.#start + header.steps * this.#stride;
      const got = fstatSync(this.#fd).size;
      if (got !== size) throw damaged(where, `${got} bytes instead of ${size}`);
      this.#account = new Account(path, header.id);
    } catch (error) {
      closeSync(this.#fd);
      throw systemError(path, "read", error);
    }
  }

  get #stride(): number {
    return SEGMENT_HEAD_BYTES + this.header.bodyBytes;
  }

  /** The first segment that was never used, as far as this file's account says. `steps` if there is none. */
  get next(): number {
    return Math.min(this.#account.next, this.header.steps);
  }

  /** When it returns, it is durable that the segment, and all before, are used. */
  use(number: number): void {
    this.#account.use(number);
  }

  /** Reads a segment from end to end. Throws StorageError unless it is as it was written. */
  check(number: number): void {
    const { steps, bodyBytes } = this.header;
    if (number >= steps) throw new InputError(`${shown(this.path)}: expected a segment below ${steps}, got ${number}`);
    const at = this.#start + number * this.#stride;
    const head = Buffer.alloc(SEGMENT_HEAD_BYTES);
    this.#read(head, at);
    const hash = segmentHash(this.#digest, number);
    for (let from = 0; from < bodyBytes; from += PIECE) {
      const part = this.#piece.subarray(0, Math.min(PIECE, bodyBytes - from));
      this.#read(part, at + SEGMENT_HEAD_BYTES + from);
      hash.update(part);
    }
    const same = hash.digest().equals(head.subarray(SEGMENT_HEAD_BYTES - DIGEST_BYTES));
    if (!same || head.readBigUInt64LE() !== BigInt(number))
      throw damaged(shown(this.path), `segment ${number} failing its digest`);
  }

  /** A segment while its run goes on. It was checked, and is used. */
  open(number: number): Dealt {
    const from = this.#start + number * this.#stride + SEGMENT_HEAD_BYTES;
    const end = from + this.header.bodyBytes;
    const where = `${shown(this.path)}, segment ${number}`;
    let at = from;
    const head = Buffer.alloc(FRAME_HEAD_BYTES);
    return {
      file: this.header.id,
      number,
      key: (label) => segmentKey(this.#key, number, label),
      deliver: (round, incoming) => {
        const { bytes } = incoming;
        if (at + FRAME_HEAD_BYTES + bytes > end) throw damaged(where, `no more for round ${round}`);
        this.#read(head, at);
        checkFrame(head, round, bytes, where);
        at += FRAME_HEAD_BYTES;
        for (let got = 0; got < bytes; got += PIECE) {
          const part = this.#piece.subarray(0, Math.min(PIECE, bytes - got));
          this.#read(part, at + got);
          incoming.deliver(part, got);
        }
        at += bytes;
      },
    };
  }

  close(): void {
    closeSync(this.#fd);
    this.#account.close();
  }

  #read(target: Uint8Array, at: number): void {
    let complete: boolean;
    try {
      complete = readFully(this.#fd, target, at);
    } catch (error) {
      throw systemError(this.path, "read", error);
    }
    if (!complete) throw damaged(shown(this.path), "a file that has become shorter");
  }
}

/** What one run takes from the dealer. */
export interface Dealt {
  /** Id of the file. */
  readonly file: string;
  readonly number: number;
  /** This party's key with the dealer, for this run alone. */
  key(label: string): Uint8Array;
  /** Hands over what the dealer sends in a round. Throws FrameError unless that is of this length. */
  deliver(round: number, incoming: Incoming): void;
}
