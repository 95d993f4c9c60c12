/**
 * What one primitive takes from the dealer, and what it opens: written once for all members, so that parties and dealer
 * draw the same words in the same order. Not a message format: transfers are handed to the primitive's next round.
 *
 * Party i's key with the dealer gives it uniform words without a message. What must have a certain value, like the product
 * of two masks, is drawn by all parties but the last; the last one is sent the difference.
 */
import { SessionEndedError } from "../../errors.js";
import type { Stream } from "../../random/index.js";
import type { Block, Scope } from "../../ring/index.js";
import { CHUNK, fieldWords, forFields } from "../planes.js";
import type { Site } from "../protocol.js";
import type { Exchange, Rounds, Transfer } from "../rounds.js";
import type { Party } from "./share.js";

type Combine = "add" | "xor";

/** Words on their way into the clear: own ones in `block`, the others' in `received`; at the dealer none. */
export class Opening {
  #done = false;
  constructor(
    private readonly party: Party,
    private readonly scope: Scope,
    private readonly block: Block,
    private readonly words: number,
    private readonly how: Combine,
    private readonly received: readonly Block[],
  ) {}
  /** Whether the round is over. Throws SessionEndedError for one that never will be, since its run has failed. */
  get done(): boolean {
    if (!this.#done && !this.scope.open)
      throw new SessionEndedError(
        "mask: expected one that is open or being opened, got one of a failed run; try again",
      );
    return this.#done;
  }
  /** After the round, by whoever comes first: `block` becomes the sum or XOR of all parties' words. */
  finish(): void {
    if (this.#done) return;
    this.#done = true;
    for (const other of this.received) {
      this.party.kernels[this.how](this.block.ptr, this.block.ptr, other.ptr, this.words);
      this.scope.free(other);
    }
  }
}

export class Deal {
  readonly #streams: readonly Stream[];
  #send: Transfer[] = [];
  #receive: Transfer[] = [];
  #openings: Opening[] = [];
  #waits = false;

  constructor(
    private readonly party: Party,
    private readonly site: Site,
  ) {
    const nonce = site.nonce();
    this.#streams = party.dealt.map((key) => key.stream(nonce));
  }

  /** Uniform words: a party gets its own, the dealer the sum (of bits the XOR) of all parties'. */
  random(words: number, how: Combine = "add", scope: Scope = this.site.scope): Block {
    const block = scope.alloc(words);
    this.#streams.forEach((stream, party) => {
      this.#draw(stream, block, words, party === 0 ? undefined : how);
    });
    return block;
  }

  /**
   * A sharing of words that the dealer works out with `make`, which runs there alone. A party gets its part, the last one
   * with the next round; the dealer keeps the words themselves.
   */
  given(words: number, make: (dst: Block) => void, how: Combine = "add"): Block {
    const { party, site } = this;
    const { wordBytes } = party.kernels;
    const block = site.scope.alloc(words);
    const last = party.count - 1;
    if (party.deals) {
      make(block);
      const difference = site.scope.alloc(words);
      party.kernels.copy(difference.ptr, block.ptr, words);
      const off = how === "add" ? "sub" : "xor";
      for (const stream of this.#streams.slice(0, last)) this.#draw(stream, difference, words, off);
      this.#send.push({ peer: last, block: difference, bytes: words * wordBytes });
      this.#temporary.push(difference);
    } else if (party.self < last) this.#draw(this.#streams[0]!, block, words, undefined);
    else this.#receive.push({ peer: party.count, block, bytes: words * wordBytes });
    return block;
  }
  #temporary: Block[] = [];

  /**
   * The same for fields of `bits` bits, shared modulo 2^bits and bit-sliced chunk by chunk: `fieldWords` words. At the
   * dealer they come as words; a party gets planes, to be walked over by `forFields`.
   */
  givenFields(n: number, bits: number, make: (dst: Block) => void): Block {
    const { party, site } = this;
    const { kernels } = party;
    const { wordBytes } = kernels;
    const planes = fieldWords(n, bits, kernels);
    const last = party.count - 1;
    if (!party.deals) {
      const block = site.scope.alloc(planes);
      if (party.self < last) this.#draw(this.#streams[0]!, block, planes, undefined);
      else this.#receive.push({ peer: party.count, block, bytes: planes * wordBytes });
      return block;
    }
    const block = site.scope.alloc(n);
    make(block);
    const most = Math.min(n, CHUNK);
    const [difference, field] = [site.scope.alloc(most), site.scope.alloc(most)];
    const [sliced, drawn] = [site.scope.alloc(planes), site.scope.alloc(fieldWords(most, bits, kernels))];
    forFields(n, bits, kernels, (at, count, plane) => {
      kernels.copy(difference.ptr, block.ptr + at * wordBytes, count);
      for (const stream of this.#streams.slice(0, last)) {
        this.#draw(stream, drawn, fieldWords(count, bits, kernels), undefined);
        kernels.unslice(field.ptr, drawn.ptr, count, bits);
        kernels.sub(difference.ptr, difference.ptr, field.ptr, count);
      }
      kernels.slice(sliced.ptr + plane * wordBytes, difference.ptr, count, bits);
    });
    this.#send.push({ peer: last, block: sliced, bytes: planes * wordBytes });
    this.#temporary.push(sliced);
    this.free(difference, field, drawn);
    return block;
  }

  /** Words of one party alone and the dealer, drawn in one go: at a party its own, at the dealer by party. */
  get fills(): ((target: Uint8Array) => void)[] {
    return this.#streams.map((stream) => (target) => stream.fill(target));
  }
  /** What the dealer works out for all parties alike: theirs with the next round. */
  toAll(words: number, make: () => Block): Block {
    const { party } = this;
    const { wordBytes } = party.kernels;
    if (!party.deals) {
      const block = this.block(words);
      this.#receive.push({ peer: party.count, block, bytes: words * wordBytes });
      return block;
    }
    const block = make();
    for (let peer = 0; peer < party.count; peer++) this.#send.push({ peer, block, bytes: words * wordBytes });
    return block;
  }

  /** At a party: with the next round, `block` becomes the sum or XOR of all parties' blocks. At the dealer: nothing. */
  open(block: Block, words: number, how: Combine = "add"): Opening {
    const { party, site } = this;
    const { wordBytes } = party.kernels;
    const received: Block[] = [];
    if (!party.deals)
      for (let peer = 0; peer < party.count; peer++) {
        if (peer === party.self) continue;
        const other = site.scope.alloc(words);
        received.push(other);
        this.#send.push({ peer, block, bytes: words * wordBytes });
        this.#receive.push({ peer, block: other, bytes: words * wordBytes });
      }
    const opening = new Opening(party, site.scope, block, words, how, received);
    this.#openings.push(opening);
    return opening;
  }

  /** The next exchange is a round: something is being opened in it, here or by another primitive. Called by all members alike. */
  waits(): void {
    this.#waits = true;
  }
  /** What was asked for since the last exchange, as a delivery of the dealer unless this `waits`. */
  *first(): Rounds<void> {
    yield* this.#exchange(this.#waits ? {} : { delivery: true });
  }
  /** One round with all that was asked for since the last one. */
  *exchange(): Rounds<void> {
    yield* this.#exchange({});
  }
  *#exchange(how: Pick<Exchange, "delivery">): Rounds<void> {
    const [send, receive, openings, temporary] = [this.#send, this.#receive, this.#openings, this.#temporary];
    [this.#send, this.#receive, this.#openings, this.#temporary] = [[], [], [], []];
    yield { send, receive, ...how };
    for (const opening of openings) opening.finish();
    for (const block of temporary) this.site.scope.free(block);
  }

  block(words: number): Block {
    return this.site.scope.alloc(words);
  }
  free(...blocks: readonly (Block | undefined)[]): void {
    for (const block of blocks) if (block) this.site.scope.free(block);
  }

  /** The next words of a stream, put into `block` or combined with what is there. */
  #draw(stream: Stream, block: Block, words: number, how: "add" | "sub" | "xor" | undefined): void {
    const { ring, kernels } = this.party;
    const { wordBytes } = kernels;
    if (how === undefined) {
      stream.fill(ring.bytes(block, 0, words * wordBytes));
      return;
    }
    const mask = this.site.scope.alloc(Math.min(words, CHUNK));
    for (let at = 0; at < words; at += CHUNK) {
      const count = Math.min(CHUNK, words - at);
      stream.fill(ring.bytes(mask, 0, count * wordBytes));
      kernels[how](block.ptr + at * wordBytes, block.ptr + at * wordBytes, mask.ptr, count);
    }
    this.site.scope.free(mask);
  }
}
