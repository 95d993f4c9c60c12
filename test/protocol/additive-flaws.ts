/** Flaws of additive sharing, as changes of its source, and the check that must fail for each. They are tried by additive-mutations.test.ts. */
import type { Edit } from "./spoilt-source.js";

type Variant = 2 | 3 | "fss";
export interface Flaw {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly fails: string;
  /** Where it shows; two parties with an adder unless told otherwise. */
  readonly among?: readonly Variant[];
}
const edit = (file: string, from: string, to: string): Edit => ({ file: `${file}.ts`, from, to });

const HIDES = "received words tell nothing to who knows its own keys";
const ANEW = "a value is opened anew in another session";
const ALL = [2, 3, "fss"] as const;

const FIRST_MASK = 'const mask = deal.random(origin.n, "add", origin.scope);';
const CORRECTION = "this.#send.push({ peer: last, block: difference, bytes: words * wordBytes });";
const PART = "else if (party.self < last) this.#draw(this.#streams[0]!, block, words, undefined);";

const masks: Flaw[] = [
  {
    name: "both factors of a product have one mask",
    edits: [
      edit(
        "masks",
        FIRST_MASK,
        `deal.first ??= deal.random(origin.n, "add", origin.scope);
         const mask = origin.scope.alloc(origin.n);
         party.kernels.copy(mask.ptr, deal.first.ptr, origin.n);`,
      ),
    ],
    among: ALL,
    fails: HIDES,
  },
  {
    name: "a mask serves another primitive's value, too",
    edits: [edit("deal", "key.stream(nonce)", "key.stream({ ...nonce, node: 5 })")],
    among: ALL,
    fails: "no mask is used twice",
  },
  {
    name: "a mask comes again in the next run",
    edits: [edit("deal", "key.stream(nonce)", "key.stream({ ...nonce, run: 5 })")],
    among: ALL,
    fails: "no mask is used twice",
  },
  {
    name: "a stream is opened for two draws",
    edits: [edit("io", "key.stream(nonce), part", "key.stream({ ...nonce, node: 5 }), part")],
    fails: "no stream is opened twice",
  },
  {
    name: "a mask outlives its session",
    edits: [edit("masks", "x.masked.party !== party", "x.masked.party.self !== party.self")],
    among: [2, 3],
    fails: ANEW,
  },
  {
    name: "what a truncation left open outlives its session",
    edits: [edit("masks", "x.rounding.party !== party", "x.rounding.party.self !== party.self")],
    among: ALL,
    fails: ANEW,
  },
  {
    name: "a mask outlives its session where a view is looked at first",
    edits: [edit("masks", "if (x.view) forget(party, x.view.of);", "")],
    among: [2, 3],
    fails: ANEW,
  },
  {
    name: "what looked at a value when its session ended keeps it",
    edits: [edit("masks", "x.freed = true;\n  forget(party, x);", "x.freed = true;")],
    among: [2, 3],
    fails: ANEW,
  },
  {
    name: "a view of a view forgets what lies between",
    edits: [edit("linear", "map(dst, [between]);", "map(dst, [source]);")],
    fails: "a value is opened once a session",
  },
  {
    name: "a comparison does not use all that a truncation left open",
    edits: [
      edit(
        "masks",
        "width > party.kernels.wordBits - x.rounding.shift",
        "width >= party.kernels.wordBits - x.rounding.shift",
      ),
    ],
    among: ALL,
    fails: "rounds and bytes are as declared",
  },
  {
    name: "a mask moves with its value",
    edits: [
      edit(
        "definition",
        "return asShare(new Additive(n, words && from.move(words, to), to));",
        `const moved = new Additive(n, words && from.move(words, to), to);
         moved.masked = openShare(value).masked;
         return asShare(moved);`,
      ),
    ],
    fails: "a value is opened anew after a move",
  },
  {
    name: "a value is opened by each primitive anew",
    edits: [edit("masks", "if (!origin.masked) {", "if (origin) {")],
    fails: "a value is opened once a session",
  },
  {
    name: "a value laid out anew has a mask of its own",
    edits: [edit("linear", "layout && only!.n === n", "false")],
    fails: "a value is opened once a session",
  },
  {
    name: "a mask goes with its value, in use or not",
    edits: [edit("masks", "this.#masked.users++;", "")],
    among: [2, 3],
    fails: "a value may be freed while a primitive opens it",
  },
  {
    name: "what a truncation left open goes with its value, in use or not",
    edits: [edit("rounding", "rounding.users++;", "")],
    among: ALL,
    fails: "a value may be freed while a primitive opens it",
  },
  {
    name: "a mask is not freed",
    edits: [edit("masks", "if (x.masked) drop(x);", "")],
    fails: "nothing is left in memory",
  },
  {
    name: "a value is opened without its mask",
    edits: [
      edit(
        "masks",
        "party.kernels.sub(difference.ptr, origin.words!.ptr, mask.ptr, origin.n);",
        "party.kernels.copy(difference.ptr, origin.words.ptr, origin.n);",
      ),
    ],
    among: ALL,
    fails: HIDES,
  },
  {
    name: "the last word of a mask is missing",
    edits: [
      edit(
        "deal",
        "this.#draw(stream, block, words, party === 0 ? undefined : how);",
        `if (party === 0) this.party.kernels.fill(block.ptr, 0n, words);
         this.#draw(stream, block, Math.max(0, words - 1), party === 0 ? undefined : how);`,
      ),
    ],
    among: ALL,
    fails: HIDES,
  },
  {
    name: "masks have no low bits",
    edits: [
      edit(
        "truncate",
        "const r = deal.random(n);",
        "const r = deal.random(n);\nkernels.shr(r.ptr, r.ptr, shift, n);\nkernels.shl(r.ptr, r.ptr, shift, n);",
      ),
    ],
    among: [2, 3],
    fails: HIDES,
  },
  {
    name: "a gate has one mask for both inputs",
    edits: [
      edit(
        "bits",
        'this.#b = deal.random(words, "xor");',
        'this.#b = deal.random(words, "xor");\nif (!other) deal.party.kernels.copy(this.#b.ptr, this.#a.ptr, words);',
      ),
    ],
    among: [2, 3],
    fails: HIDES,
  },
];

const dealer: Flaw[] = [
  {
    name: "the dealer drops a correction",
    edits: [edit("deal", CORRECTION, "")],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "the dealer sends a correction to the wrong party",
    edits: [edit("deal", CORRECTION, CORRECTION.replace("peer: last", "peer: 0"))],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "the dealer sends a correction to a party that draws its part, too",
    edits: [
      edit("deal", CORRECTION, CORRECTION + CORRECTION.replace("peer: last", "peer: 0")),
      edit(
        "deal",
        PART,
        `else if (party.self < last) {
           this.#draw(this.#streams[0], block, words, undefined);
           if (party.self === 0) this.#receive.push({ peer: party.count, block: this.block(words), bytes: words * wordBytes });
         }`,
      ),
    ],
    among: ALL,
    fails: HIDES,
  },
  {
    name: "a party draws too many words",
    edits: [
      edit(
        "deal",
        "this.#draw(stream, block, words, party === 0 ? undefined : how);",
        `if (this.party.self === 0) stream.fill(new Uint8Array(8));
         this.#draw(stream, block, words, party === 0 ? undefined : how);`,
      ),
    ],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "a party draws too few words",
    edits: [edit("deal", PART, PART.replace("block, words,", "block, words - 1,"))],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "the dealer knows what nobody should",
    edits: [edit("linear", "party.own!.stream", "party.dealt[0].stream")],
    among: ALL,
    fails: "random words are known to nobody",
  },
];

const arithmetic: Flaw[] = [
  {
    name: "a product without one cross term at all parties but the first",
    edits: [edit("multiply", "} else {\n      map(words, e, right.mask, true);", "} else {")],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "a product without one cross term at the first party",
    edits: [edit("multiply", "map(words, sum, d, true);", "map(words, e, d, true);")],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "a product without what is public",
    edits: [
      edit(
        "multiply",
        "party.kernels.add(sum.ptr, p.ptr, q.ptr, p.words);",
        "party.kernels.copy(sum.ptr, p.ptr, p.words);",
      ),
    ],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "what is public is added by every party",
    edits: [edit("multiply", "if (party.self === 0) {", "if (party) {")],
    among: ALL,
    fails: "products and reshare",
  },
  {
    name: "public words are added by every party",
    edits: [edit("linear", "if (block && party.self === 0)", "if (block)")],
    among: ALL,
    fails: "linear maps and public words",
  },
  {
    name: "a truncation without the wrap",
    edits: [edit("truncate", "addWrap(party, site.scope, rounding, sign, shifted);", "")],
    among: ALL,
    fails: "truncate is floor or one above",
  },
  {
    name: "a truncation that takes the wrap where there is none",
    edits: [edit("rounding", "kernels.not(t.ptr, t.ptr, count);", "")],
    among: ALL,
    fails: "truncate is floor or one above",
  },
  {
    name: "a truncation of numbers below 2^61 only",
    edits: [
      edit("truncate", "1n << BigInt(wordBits - 2)", "1n << BigInt(wordBits - 3)"),
      edit("rounding", "1n << BigInt(kernels.wordBits - 2 - shift)", "1n << BigInt(kernels.wordBits - 3 - shift)"),
    ],
    among: ALL,
    fails: "truncate is floor or one above",
  },
  {
    name: "a truncation that rounds down always",
    edits: [
      edit(
        "truncate",
        "const r = deal.random(n);",
        "const r = deal.random(n);\nkernels.shr(r.ptr, r.ptr, shift, n);\nkernels.shl(r.ptr, r.ptr, shift, n);",
      ),
    ],
    fails: "truncate is unbiased",
  },
];

const bits: Flaw[] = [
  {
    name: "an and without what is public",
    edits: [edit("bits", "if (self === 0) kernels.xor(this.#b.ptr, this.#b.ptr, e.ptr, words);", "")],
    among: [2, 3],
    fails: "and, xor and not",
  },
  {
    name: "both parties invert",
    edits: [edit("bits", 'party.self === 0 ? "not" : "copy"', '"not"')],
    fails: "and, xor and not",
  },
  {
    name: "a bit is turned into a number by every party",
    edits: [edit("inject", "if (party.self === 0) kernels.add(y, y, c, count);", "kernels.add(y, y, c, count);")],
    among: ALL,
    fails: "fromBits and select",
  },
  {
    name: "a selection does not turn with the bit",
    edits: [edit("inject", "flip(party, z, minus, count);", "")],
    among: ALL,
    fails: "fromBits and select",
  },
  {
    name: "a selection after a truncation without the wrap",
    edits: [edit("inject", "wrap?.addTo(product);", "")],
    among: [2, 3],
    fails: "a value times its own sign",
  },
  {
    name: "a comparison after a truncation reads bits that are not there",
    edits: [edit("masks", "x.rounding && width > party.kernels.wordBits - x.rounding.shift", "false")],
    among: ALL,
    fails: "a value times its own sign",
  },
];

const keys: Flaw[] = [
  {
    name: "the sign is wrong at 0: x < alpha + 1",
    edits: [edit("sign-by-keys", "kernels.not(point.ptr, e.ptr, n);", "kernels.neg(point.ptr, e.ptr, n);")],
    fails: "msb is the sign",
  },
  {
    name: "the sign is wrong at -1: x <= alpha",
    edits: [
      edit(
        "sign-by-keys",
        "kernels.not(point.ptr, e.ptr, n);",
        "kernels.not(point.ptr, e.ptr, n);\nkernels.addScalar(point.ptr, point.ptr, -1n, n);",
      ),
    ],
    fails: "msb is the sign",
  },
  {
    name: "keys pay at alpha, too",
    edits: [
      edit("dcf-kernels", "if (kernels.dcfEvalStep)", "if (!kernels)"),
      edit("dcf-generate", "beta + word, 0, t);", "beta + word, a, t);"),
    ],
    fails: "msb is the sign",
  },
  {
    name: "keys pay with the wrong sign",
    edits: [edit("sign-by-keys", "sign.ptr, top.ptr, -2n, n", "sign.ptr, top.ptr, 2n, n")],
    fails: "a value times its own sign",
  },
  {
    name: "the corrections of one level are flipped",
    edits: [
      edit(
        "sign-by-keys",
        "return keys[0].corrections;",
        `const all = ring.u64(keys[0].corrections);
         for (let i = 0; shape.bits > 2 && i < n; i++) all[(2 + shape.words) * n + 2 * i + 1] ^= 1n;
         return keys[0].corrections;`,
      ),
    ],
    fails: "msb is the sign",
  },
  {
    name: "both parties have the same root",
    edits: [
      edit(
        "sign-by-keys",
        "const roots = deal.fills as",
        "const roots = deal.fills.map((fill) => (target) => { fill(target); target.fill(7); }) as",
      ),
      edit(
        "sign-by-keys",
        "deal.fills[0]!(ring.bytes(roots));",
        "deal.fills[0](ring.bytes(roots));\nring.bytes(roots).fill(7);",
      ),
    ],
    fails: "received words are uniform",
  },
  {
    name: "the value times its sign lacks the public bit",
    edits: [edit("sign-by-keys", "kernels.mulAdd(times!.ptr, bit.ptr, x.words!.ptr, n);", "")],
    fails: "a value times its own sign",
  },
  {
    name: "the value times its sign lacks the truncation's wrap",
    edits: [edit("sign-by-keys", "kernels.add(times!.ptr, times!.ptr, wrap!.ptr, n);", "")],
    fails: "a value times its own sign",
  },
  {
    name: "the opposite of a sign selects what the sign selects",
    edits: [
      edit(
        "bits",
        "kernels.sub(rest.ptr, of.words!.ptr, times.ptr, of.n);",
        "kernels.copy(rest.ptr, times.ptr, of.n);",
      ),
    ],
    fails: "a value times its own sign",
  },
  {
    name: "the opposite of a sign forgets whose sign it is",
    edits: [edit("bits", "if (sign) result.sign = complement(party, site, sign);", "")],
    fails: "rounds and bytes are as declared",
  },
  {
    name: "a sign selects its own value, whatever is asked for",
    edits: [edit("inject", "bit.sign?.of === open", "bit.sign")],
    fails: "a value times its own sign",
  },
  {
    name: "keys are used for any number of elements",
    edits: [edit("compare", "n <= MOST_KEYS", "n >= 0")],
    fails: "many signs cost what is declared",
  },
].map((flaw) => ({ ...flaw, among: ["fss"] as const }));

const inAndOut: Flaw[] = [
  {
    name: "outgoing parts are bare",
    edits: [
      edit(
        "io",
        'if (key) combine(party, site, key.stream(nonce), part, n, party.self < peer ? "add" : "sub");',
        "if (!key) continue;",
      ),
    ],
    among: ALL,
    fails: "outgoing parts are re-randomised",
  },
  {
    name: "two of three parties add no common mask to outgoing parts",
    edits: [
      edit(
        "io",
        "if (key) combine(party, site, key.stream(nonce), part",
        "if (key && party.self + peer > 1) combine(party, site, key.stream(nonce), part",
      ),
    ],
    among: [3],
    fails: "outgoing parts tell who colludes their sum only",
  },
  {
    name: "the dealer hands out what is in its memory",
    edits: [edit("io", "party.kernels.fill(part.ptr, 0n, n);", "")],
    among: ALL,
    fails: "outgoing parts are re-randomised",
  },
  {
    name: "masks of outgoing parts repeat",
    edits: [
      edit("io", "key.stream(nonce), part", "() => key.stream(nonce), part"),
      edit("io", 'key.stream(nonce), block, n, "sub"', '() => key.stream(nonce), block, n, "sub"'),
      edit(
        "io",
        "stream.fill(party.ring.bytes(mask, 0, count * wordBytes));",
        "stream().fill(party.ring.bytes(mask, 0, count * wordBytes));",
      ),
    ],
    fails: "outgoing parts are re-randomised",
  },
  {
    name: "a saved share contains its mask",
    edits: [
      edit(
        "io",
        "const { n, words } = openShare(x);\n  if (words) return",
        `const { n, words, masked } = openShare(x);
         if (words && masked) return Buffer.concat([party.ring.bytes(words), party.ring.bytes(masked.mask)]);
         if (words) return`,
      ),
    ],
    among: ALL,
    fails: "save, load and move",
  },
  {
    name: "an outsider gives two parties one seed",
    edits: [
      edit(
        "io",
        "Sharing => sharingOf(additiveSplit(count));",
        `Sharing => {
          const own = sharingOf(additiveSplit(count));
          const same = ({ byParty }) => ({ byParty: byParty.map((seeds) => seeds.map(() => byParty[0][0])) });
          return { ...own, freshSeeds: () => same(own.freshSeeds()) };
        };`,
      ),
    ],
    among: [3],
    fails: "an outsider's sharing tells nothing to any party",
  },
];

export const flaws: readonly Flaw[] = [...masks, ...dealer, ...arithmetic, ...bits, ...keys, ...inAndOut];
