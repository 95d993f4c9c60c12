// Frames and their reassembly: any cut of the bytes gives the same frames, anything else is refused by name.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameError, PeerLostError } from "../../src/errors.js";
import { FrameDecoder } from "../../src/net/decoder.js";
import {
  encodeFrame,
  type Frame,
  FrameKind,
  type FrameToSend,
  HEADER_BYTES,
  payloadBytes,
} from "../../src/net/frame.js";
import { memoryPair } from "../../src/net/index.js";
import { collect, frame, turns } from "./helpers.js";

function encode(sent: FrameToSend): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payloadBytes(sent.parts));
  encodeFrame(sent, bytes);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Decodes the chunks; each one is overwritten after the call, as a transport may do. `placed`: frames of even rounds. */
function decode(chunks: readonly Uint8Array[], limitBytes = 2 ** 20, keep = false, placed = false): Frame[] {
  const frames: Frame[] = [];
  const kept: Uint8Array[] = [];
  const decoder = new FrameDecoder("bob");
  decoder.receiver = {
    limitBytes,
    keep,
    place({ length, ...header }) {
      if (!placed || header.round % 2 === 1) return undefined;
      const payload = new Uint8Array(length);
      let filled = 0;
      return (piece, at) => {
        assert.equal(at, filled);
        payload.set(piece, at);
        filled += piece.length;
        if (filled === length) frames.push({ ...header, payload });
      };
    },
    frame(received) {
      kept.push(received.payload);
      frames.push({ ...received, payload: Uint8Array.from(received.payload) });
    },
  };
  for (const chunk of chunks) {
    const copy = Uint8Array.from(chunk);
    decoder.push(copy);
    copy.fill(0xee);
  }
  if (keep && !placed)
    for (const [i, { payload }] of frames.entries()) assert.deepEqual(Uint8Array.from(kept[i]!), payload);
  return frames;
}

function assertSame(got: readonly Frame[], sent: readonly FrameToSend[]): void {
  assert.equal(got.length, sent.length);
  got.forEach((received, i) => {
    const { parts, ...header } = sent[i]!;
    assert.deepEqual(received, { ...header, payload: concat(parts) });
  });
}

const anyFrame: fc.Arbitrary<FrameToSend> = fc.record({
  kind: fc.constantFrom(...Object.values(FrameKind)),
  session: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  run: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  round: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
});

test("frames survive any cut of the bytes", () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      (sent, cuts, keep, placed) => {
        const bytes = concat(sent.map(encode));
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        assertSame(decode(chunks, 2 ** 20, keep, placed), sent);
      },
    ),
  );
});

test("split at every byte, and byte by byte", () => {
  const sent = [
    frame({ parts: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] }),
    frame({ round: 2 ** 32 - 1, run: 2 ** 48 - 1 }),
    frame({ parts: [new Uint8Array(20).fill(9)] }),
  ];
  const bytes = concat(sent.map(encode));
  for (const placed of [false, true]) {
    for (let cut = 0; cut <= bytes.length; cut++)
      assertSame(decode([bytes.subarray(0, cut), bytes.subarray(cut)], 2 ** 20, false, placed), sent);
    assertSame(
      decode(
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
        2 ** 20,
        false,
        placed,
      ),
      sent,
    );
  }
});

test("garbage is a FrameError and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 200 }), (bytes) => {
      assert.throws(() => decode([bytes]), FrameError);
    }),
  );
});

test("a flipped header bit is refused or gives another header, never another reading of the payload", () => {
  const good = encode(frame({ parts: [new Uint8Array(8).fill(5)] }));
  for (let bit = 0; bit < HEADER_BYTES * 8; bit++) {
    const bad = Uint8Array.from(good);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    let frames: Frame[] = [];
    try {
      frames = decode([bad], 8);
    } catch (error) {
      assert.ok(error instanceof FrameError);
      continue;
    }
    for (const { payload } of frames) assert.ok(payload.length <= 8);
    const inFixedField = bit < 40 || (bit >= 48 && bit < 64) || (bit >= 176 && bit < 192);
    assert.ok(!inFixedField, `bit ${bit} of a fixed field was accepted`);
  }
});

test("an oversized payload is refused from the header alone", () => {
  const bytes = encode(frame({ parts: [new Uint8Array(100)] }));
  assert.throws(() => decode([bytes.subarray(0, HEADER_BYTES)], 99), /at most 99 bytes of payload, got 100/);
  const claim = Uint8Array.from(bytes.subarray(0, HEADER_BYTES));
  claim.fill(0xff, 28, 32);
  assert.throws(() => decode([claim], 2 ** 30), FrameError);
});

test("a truncated frame is not delivered", () => {
  const bytes = encode(frame({ parts: [new Uint8Array(100)] }));
  for (const length of [0, 1, 31, 32, 33, 131]) assert.equal(decode([bytes.subarray(0, length)]).length, 0);
});

test("encodeFrame refuses numbers that do not fit", () => {
  for (const bad of [{ run: -1 }, { run: 2 ** 48 }, { run: 0.5 }, { round: -1 }, { round: 2 ** 32 }, { round: 1.5 }])
    assert.throws(() => encode(frame(bad)), FrameError);
});

test("a receiver that lets go gets nothing more until it takes up again", async () => {
  const [alice, bob] = memoryPair("alice", "bob");
  for (let round = 0; round < 6; round++) alice.send(frame({ round, parts: [Uint8Array.of(round)] }));
  const first = await collect(bob, 2);
  await turns();
  alice.send(frame({ round: 6 }));
  const rest = await collect(bob, 5);
  assert.deepEqual(
    [...first, ...rest].map(({ round }) => round),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.equal(alice.sentFrames, 7);
  assert.equal(alice.sentBytes, 7 * HEADER_BYTES + 6);
  assert.equal(bob.receivedBytes, alice.sentBytes);
});

test("a refused frame closes the connection at both ends", async () => {
  const [alice, bob] = memoryPair("alice", "bob");
  const ends: (Error | undefined)[] = [];
  const aliceEnd = new Promise<Error | undefined>((resolve) => {
    alice.receive({ limitBytes: 0, frame: () => {}, close: resolve });
  });
  bob.receive({ limitBytes: 10, frame: () => {}, close: (error) => ends.push(error) });
  alice.send(frame({ parts: [new Uint8Array(11)] }));
  const error = await aliceEnd;
  assert.ok(error instanceof PeerLostError);
  assert.equal(error.peer, "bob");
  assert.equal(ends.length, 1);
  assert.ok(ends[0] instanceof FrameError);
  alice.send(frame());
  assert.ok(alice.closed && bob.closed);
});

test("the end of a connection is told to handlers that come late, after what was sent before", async () => {
  const [alice, bob] = memoryPair("alice", "bob");
  alice.send(frame({ round: 1 }));
  alice.send(frame({ round: 2 }));
  alice.close();
  await turns();
  assert.equal((await collect(bob, 1))[0]!.round, 1);
  await turns();
  assert.equal((await collect(bob, 1))[0]!.round, 2);
  await assert.rejects(collect(bob, 1), PeerLostError);
});

test("a new receiver in the middle of a frame sees its header, too", async () => {
  const decoder = new FrameDecoder("bob");
  const bytes = encode(frame({ parts: [new Uint8Array(100)] }));
  decoder.receiver = { limitBytes: 1000, frame: () => assert.fail("not mine") };
  decoder.push(bytes.subarray(0, 60));
  decoder.receiver = { limitBytes: 10, frame: () => assert.fail("too long") };
  assert.throws(() => decoder.push(bytes.subarray(60)), FrameError);
});

test("a receiver that takes a payload in pieces cannot be replaced in the middle of it", () => {
  const decoder = new FrameDecoder("bob");
  const bytes = encode(frame({ parts: [new Uint8Array(100)] }));
  const pieces: number[] = [];
  const receiver = {
    limitBytes: 1000,
    frame: () => assert.fail("placed"),
    place: () => (_: unknown, at: number) => void pieces.push(at),
  };
  decoder.receiver = receiver;
  decoder.push(bytes.subarray(0, 60));
  decoder.receiver = { limitBytes: 1000, frame: () => assert.fail("not from its beginning") };
  assert.throws(() => decoder.push(bytes.subarray(60)), /expected its receiver to stay/);
  assert.deepEqual(pieces, [0]);
});
