/*
# What each party sees

"The parties see only noise" is easy to say. This page looks. It records what reaches one party, and tests whether the
bytes look random. Then it takes the masks off, to see whether the test would have noticed.

All three parties run in this process, and a recorder writes down what reaches party p1. A recording holds all secrets
of its party, so the recorder is a tool for tests, and the package does not export it.
*/
import { rowsOf } from "../../src/data/index.js";
import { Prg } from "../../src/random/index.js";
import { chart } from "./support/chart.js";
import { recordedSession } from "./support/recorded.js";

const { session, alice, bob, ...p1 } = await recordedSession();

/*
## A small computation

Alice has 64 whole numbers, and so has Bob. The driver gets the 64 products. Alice and Bob have agreed to that.
*/
const share = async (owner: typeof alice, f: (i: number) => number) => {
  const values = Float64Array.from({ length: 64 }, (_, i) => f(i));
  await owner.share("numbers", rowsOf({ shape: [64], values }), { format: "integer" });
};
await share(alice, (i) => i % 7);
await share(bob, (i) => i % 5);
await session.refresh();

const x = () => session.dataset("alice/numbers").all();
const y = () => session.dataset("bob/numbers").all();
const products = await x().mul(y()).reveal();
console.log(`The first products: ${products.data.slice(0, 8).join(", ")}`);

/*
This is what p1 got from Alice, from Bob and from the driver. Each call has a name, a few public parameters, and
perhaps a body of bytes:
*/
for (const { from, what, bytes } of p1.calls) console.log(`${from} -> p1: ${what}, ${bytes.length} bytes`);

/*
- `dataset.begin` brings a name, a number of rows, and 16 bytes: a random seed, which p1 expands into one of its two
  shares of each number.
- `dataset.append` brings the other shares: 64 words of 8 bytes. `commit` and `publish` bring a checksum and a name.
- `grant.put` says what an owner agrees to. `plan.put` brings the plan, which all parties may read. `run` says: now.

The other two parties sent messages in which they agree on what to do. Their kinds:
*/
const kinds = p1.agreements().flatMap(({ what }) => (JSON.parse(what) as { type: string }[]).map(({ type }) => type));
console.log([...new Set(kinds)].sort().join(", "));

/*
They contain names, numbers of runs and checksums. Last, there are the messages of the protocol itself. A product
takes one, see [the page on multiplication](02-beaver.md):
*/
const words = (bytes: Uint8Array): bigint[] => [...new BigUint64Array(Uint8Array.from(bytes).buffer)];
for (const { from, run, round, bytes } of p1.messages()) {
  console.log(`${from} -> p1: run ${run}, round ${round}, ${bytes.length} bytes`);
  console.log(`It begins with ${words(bytes).slice(0, 3).join(", ")}  (random)`);
}

/*
Notice what did *not* come: the products. Each party sends its part of the result to the driver, and only the driver
can add them up.

## A test for noise

A byte has 256 values. If bytes are uniformly random, all values come about equally often. The **chi-square**
statistic measures how far the counts are from that. For random bytes it is around 255. It is above 400 less than once
in ten million times.
*/
function count(messages: readonly Uint8Array[]): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const bytes of messages) for (const byte of bytes) counts[byte]!++;
  return counts;
}
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, each) => sum + each, 0) / 256;
  return counts.reduce((sum, each) => sum + (each - expected) ** 2 / expected, 0);
}
function test(what: string, messages: readonly Uint8Array[]): void {
  const value = chiSquare(count(messages));
  console.log(`${what}: ${value < 400 ? "looks like noise" : "NOT noise"}, chi-square ${Math.round(value)}  (random)`);
}

/*
One message would not say much. So the same plan runs 200 times, on the same stored shares of the same numbers.
Nothing is new in these runs except the masks.
*/
const RUNS = 200;
for (let i = 1; i < RUNS; i++) await x().mul(y()).reveal();
const received = p1.messages();
console.log(`${received.length} messages of ${received[0]!.bytes.length} bytes`);
const asReceived = received.map(({ bytes }) => bytes);
test("What p1 received", asReceived);

/*
## But p1 knows half of the mask

That test is too kind. The message is z2 + F(k2) - F(k0): what p2 has computed, and a mask made from two keys. p1 has
the key k2 itself. So p1 can take that half off, and must still see noise. Let us do what p1 can do.

F(k) is a stream of random bytes made from a key. Which stream it is follows from the number of the run and the number
of the step in the plan.
*/
const step = p1.step("reshare");
const F = (key: Uint8Array, run: number): bigint[] => {
  const bytes = new Uint8Array(64 * 8);
  new Prg(key).stream({ run, node: step, chunk: 0 }).fill(bytes);
  return words(bytes);
};
const toBytes = (list: readonly bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(list).buffer);
/** The messages with something added to or taken from each word. */
const change = (f: (word: bigint, f2: bigint, f0: bigint) => bigint): Uint8Array[] =>
  received.map(({ run, bytes }) => {
    const [f2, f0] = [F(p1.keyWith(2), run), F(p1.keyOfTheOthers(), run)];
    return toBytes(words(bytes).map((word, i) => BigInt.asUintN(64, f(word, f2[i]!, f0[i]!))));
  });

const asP1SeesIt = change((word, f2) => word - f2);
test("Without the half that p1 knows", asP1SeesIt);

/*
## Would the test notice?

A test that never fails shows nothing. So here is a control: the same messages without any mask. (For this the page
takes the key k0, which p1 does not have, from p0. Two parties together can always do that.)
*/
const unmasked = change((word, f2, f0) => word - f2 + f0);
test("Without any mask", unmasked);
const different = new Set(unmasked.map((bytes) => words(bytes).join()));
console.log(`Different messages among ${RUNS}: ${different.size}`);

/*
Without its mask the message is the same in all 200 runs, because it depends on nothing but the stored shares. The
test sees that at once. So does a person:
*/
chart("05-bytes.svg", {
  alt: "How often each value of a byte came: as received all alike, without masks some often and some never",
  x: "value of the byte",
  y: "how often it came",
  lines: [
    { name: "without any mask", values: count(unmasked) },
    { name: "as p1 received it", values: count(asReceived) },
  ],
  random: true,
});

/*
A second control shows why it matters to do what p1 can do. Suppose a programmer forgot the half of the mask that p1
does not know. What is sent still looks like noise to everybody else, but not to p1:
*/
const forgetful = change((word, _, f0) => word + f0);
test("Half masked, as sent", forgetful);
const forgetfulToP1 = change((word, f2, f0) => word + f0 - f2);
test("Half masked, as p1 can see it", forgetfulToP1);

/*
## What owners send

Shares must look like noise even when the data is as dull as possible. Alice shares ten thousand zeros:
*/
await alice.share("zeros", rowsOf({ shape: [10_000], values: new Float64Array(10_000) }), { format: "integer" });
const uploads = p1.calls.filter(({ what, bytes }) => what === "dataset.append" && bytes.length > 512);
const zeros = uploads.map(({ bytes }) => bytes);
test("A share of 10000 zeros", zeros);

/*
## A longer computation

How many of Alice's numbers are larger than Bob's? A comparison works on single bits and takes several rounds; p1
receives nothing in some of them. Again the same plan runs 200 times, and each message is tested on its own.
*/
const larger = () => x().gt(y()).sum().reveal();
const before = p1.messages().length;
console.log(`Larger: ${await larger()} of 64`);
for (let i = 1; i < RUNS; i++) await larger();
const byMessage = new Map<string, Uint8Array[]>();
for (const { round, from, bytes } of p1.messages().slice(before)) {
  const name = `Round ${round}, from ${from}, ${bytes.length} bytes`;
  byMessage.set(name, [...(byMessage.get(name) ?? []), bytes]);
}
for (const [name, messages] of [...byMessage].sort()) test(name, messages);
await session.close();

/*
## What this shows, and what it does not

- p1 saw who took part, names, sizes, times, the plan, and bytes that look like noise. It did not see the numbers, the
  products or the count.
- A statistical test can find a leak. It cannot prove that there is none. That a protocol is secure is shown by an
  argument on paper; tests look for mistakes in the program.
- For the longer computation this page made only the kind test, on the bytes as they came. The project's tests make
  the strict one for every operation of the protocol: they keep all keys that a party knows, change those that it does
  not know, and demand that what it receives changes at random (`test/protocol/privacy.ts`). They also drop the masks
  one by one, and demand that this is noticed (`test/protocol/masks.test.ts`).
- All this is about one party that follows the protocol. Two parties together can take off all masks, as this page
  did. [docs/security.md](../security.md) says precisely what is protected from whom, and which parts nobody outside
  has reviewed.
*/
