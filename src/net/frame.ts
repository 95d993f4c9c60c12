/** The binary frame: header layout, strict encode and decode; not the reassembly from a byte stream, see decoder.ts. */
import { FrameError } from "../errors.js";

/** What a frame is for. A receiver refuses every other number. */
export const FrameKind = {
  /** First frame of a listening end: "your key is pinned here". */
  welcome: 1,
  /** Steps of the session handshake (handshake.ts). */
  hello: 2,
  open: 3,
  confirm: 4,
  /** Words of one round of one run. */
  data: 5,
  /** Small messages between parties, outside of runs. */
  control: 6,
  /** The session ends; carries a reason code. */
  end: 7,
  /** Remote calls of drivers and owners (rpc.ts). */
  request: 8,
  response: 9,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];
const LAST_KIND = FrameKind.response;

export interface FrameHeader {
  readonly kind: FrameKind;
  /** Session id, 64 bit; 0n outside of a session. */
  readonly session: bigint;
  /** Run number, below 2^48; the number of the call in rpc.ts. */
  readonly run: number;
  /** Round in the run, below 2^32. */
  readonly round: number;
}

/** A received frame. `payload` is valid during the call that hands it out, unless the receiver asked to keep it. */
export interface Frame extends FrameHeader {
  readonly payload: Uint8Array;
}

/** A frame to send, in as many parts as is convenient. The parts are copied before `send` returns. */
export interface FrameToSend extends FrameHeader {
  readonly parts: readonly Uint8Array[];
}

/** Header and payload length. */
export interface DecodedHeader extends FrameHeader {
  readonly length: number;
}

/*
 * offset  0  u32  magic "sgf\x01"
 *         4  u8   version of this layout
 *         5  u8   kind
 *         6  u16  zero
 *         8  u64  session id
 *        16  u48  run
 *        22  u16  zero
 *        24  u32  round
 *        28  u32  payload length
 * All big-endian. 32 bytes, so that the payload of an aligned buffer is aligned for 64-bit words.
 */
export const HEADER_BYTES = 32;
const MAGIC = 0x73676601;
const VERSION = 1;
export const LARGEST_PAYLOAD = 2 ** 32 - 1;
export const LARGEST_RUN = 2 ** 48 - 1;

/** A header is written here first: a view of its own for each frame costs more than the copy. */
const HEADER = new Uint8Array(HEADER_BYTES);
const header = new DataView(HEADER.buffer);

/** Payload length of a frame to send. */
export function payloadBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (let i = 0; i < parts.length; i++) bytes += parts[i]!.length;
  return bytes;
}

/** Writes header and payload into `target`, which must have exactly the right length. */
export function encodeFrame(frame: FrameToSend, target: Uint8Array): void {
  const { run, round } = frame;
  const length = target.length - HEADER_BYTES;
  if (!Number.isInteger(run) || run < 0 || run > LARGEST_RUN || round >>> 0 !== round || length > LARGEST_PAYLOAD)
    throw new FrameError(
      `encodeFrame: expected run < 2^48, round < 2^32 and payload < 2^32, got ${run}, ${round}, ${length}; try smaller batches`,
    );
  header.setUint32(0, MAGIC);
  header.setUint32(4, (VERSION << 24) | (frame.kind << 16));
  header.setBigUint64(8, frame.session);
  header.setUint32(16, Math.floor(run / 65536));
  header.setUint32(20, (run % 65536) * 65536);
  header.setUint32(24, round);
  header.setUint32(28, length);
  target.set(HEADER);
  let at = HEADER_BYTES;
  for (let i = 0; i < frame.parts.length; i++) {
    const part = frame.parts[i]!;
    target.set(part, at);
    at += part.length;
  }
}

/** Reads a header; throws FrameError for anything that this version would not have written. */
export function decodeHeader(view: DataView, from: string): DecodedHeader {
  if (view.getUint32(0) !== MAGIC)
    throw new FrameError(`frame from ${from}: expected magic bytes, got others; try the same software at both ends`);
  const version = view.getUint8(4);
  if (version !== VERSION)
    throw new FrameError(`frame from ${from}: expected version ${VERSION}, got ${version}; try the same release`);
  const kind = view.getUint8(5);
  if (kind < 1 || kind > LAST_KIND) throw new FrameError(`frame from ${from}: expected a known kind, got ${kind}`);
  const low = view.getUint32(20);
  if (view.getUint16(6) !== 0 || (low & 0xffff) !== 0)
    throw new FrameError(`frame from ${from}: expected zero in the reserved fields`);
  return {
    kind: kind as FrameKind,
    session: view.getBigUint64(8),
    run: view.getUint32(16) * 65536 + (low >>> 16),
    round: view.getUint32(24),
    length: view.getUint32(28),
  };
}

/** Bytes of a frame with this payload, for cost formulas. */
export const frameBytes = (payload: number): number => HEADER_BYTES + payload;
