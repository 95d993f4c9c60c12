/*
# Multiplication with Beaver triples

The [page before](01-what-is-a-share.md) added secrets and multiplied them by public numbers. Parties do that without
a message. Here two secrets are multiplied. First in the classical way, with a **dealer**, which Donald Beaver
published in 1991. Then as secretgrad's three parties do it, without a dealer.

All numbers are words modulo 2^64. Lines that end with `(random)` show random numbers, which are new in every run.
*/
import { createHmac, randomInt } from "node:crypto";
import { local } from "secretgrad";

const word = (x: bigint): bigint => BigInt.asUintN(64, x);
const random = (): bigint => (BigInt(randomInt(2 ** 32)) << 32n) | BigInt(randomInt(2 ** 32));

/** Two shares: one random word, and what is missing. */
function share(secret: bigint): { alice: bigint; bob: bigint } {
  const alice = random();
  return { alice, bob: word(secret - alice) };
}
/** Read as a signed number. */
const open = (shares: { alice: bigint; bob: bigint }): bigint => BigInt.asIntN(64, shares.alice + shares.bob);

/*
## The problem

Alice and Bob hold shares of x = 6 and y = 7. Written as sums of shares, the product is

    x · y = (x_alice + x_bob) · (y_alice + y_bob)
          = x_alice · y_alice + x_alice · y_bob + x_bob · y_alice + x_bob · y_bob

Alice can compute the first term and Bob the last. The two in the middle need numbers from both of them. If one told
the other a share, the other would know a secret.
*/
const x = share(6n);
const y = share(7n);
console.log(`Alice holds ${x.alice} and ${y.alice}  (random)`);
console.log(`Bob holds ${x.bob} and ${y.bob}  (random)`);

/*
## The dealer

James is the dealer. (Other names are *crypto provider* and *trusted third party*.) He draws two random words a and b,
computes c = a · b, shares the three of them between Alice and Bob, and is done. The three numbers are a **triple**.

James can do that the day before. He does not know x and y, and nobody ever sends him anything. On this page every
message goes through `send`, so that we see who gets what:
*/
const inbox: Record<string, bigint[]> = { alice: [], bob: [], james: [] };
function send(from: string, to: string, what: string, value: bigint): bigint {
  inbox[to]!.push(value);
  console.log(`${from} -> ${to}: ${what} = ${value}  (random)`);
  return value;
}

const a = random();
const b = random();
function deal(what: string, secret: bigint) {
  const { alice, bob } = share(secret);
  return {
    alice: send("james", "alice", `her share of ${what}`, alice),
    bob: send("james", "bob", `his share of ${what}`, bob),
  };
}
const triple = { a: deal("a", a), b: deal("b", b), c: deal("c", word(a * b)) };

/*
## The multiplication

Alice and Bob subtract: d = x - a and e = y - b. Each does it on shares, alone. Then they open d and e: each tells the
other its shares of these two.
*/
interface Triple {
  readonly a: { alice: bigint; bob: bigint };
  readonly b: { alice: bigint; bob: bigint };
  readonly c: { alice: bigint; bob: bigint };
}
function multiply(x: Triple["a"], y: Triple["b"], { a, b, c }: Triple) {
  // What each of them sends to the other: one round, two words each way.
  const fromAlice = [
    send("alice", "bob", "her share of d", word(x.alice - a.alice)),
    send("alice", "bob", "her share of e", word(y.alice - b.alice)),
  ] as const;
  const fromBob = [
    send("bob", "alice", "his share of d", word(x.bob - a.bob)),
    send("bob", "alice", "his share of e", word(y.bob - b.bob)),
  ] as const;
  // Now both know d and e.
  const d = word(fromAlice[0] + fromBob[0]);
  const e = word(fromAlice[1] + fromBob[1]);
  // x · y = (a + d) · (b + e) = c + d · b + e · a + d · e; one of them adds the last term.
  const product = {
    alice: word(c.alice + d * b.alice + e * a.alice + d * e),
    bob: word(c.bob + d * b.bob + e * a.bob),
  };
  return { d, e, product };
}
const first = multiply(x, y, triple);
console.log(`Both know d = ${first.d} and e = ${first.e}  (random)`);
console.log(`Alice's share of the product is ${first.product.alice}  (random)`);
console.log(`Bob's share of the product is ${first.product.bob}  (random)`);
console.log(`Put together: 6 · 7 = ${open(first.product)}`);
console.log(`James received ${inbox.james!.length} messages`);

/*
Why is it harmless that both know d = x - a? Because a is a uniformly random word that neither of them knows, and that
is used for nothing else. So d is a uniformly random word, too, whatever x is. It hides x as a one-time pad hides a
text.

The result is still shared. They can go on computing with it, and open only what they agreed to open.

## Never use a triple twice

A pad may be used once. Let us see what happens if it is used again. The salaries of two people are multiplied by
something, with the *same* triple:
*/
const salaries = [share(5200n), share(4800n)] as const;
const factor = share(3n);
const results = salaries.map((salary) => multiply(salary, factor, triple));
console.log(`The products are right: ${results.map(({ product }) => open(product)).join(" and ")}`);
console.log(`But Alice subtracts what was opened: ${BigInt.asIntN(64, results[0]!.d - results[1]!.d)}`);

/*
The difference of the two salaries is in the open: (5200 - a) - (4800 - a) = 400. If Alice knows one of the two
salaries, she knows the other. She did not have to break anything: she got both openings as a part of the protocol.

So a mask may hide one value and no other, and each multiplication needs a triple of its own. (If the *same* value goes
into several products, it is opened once, and one mask is enough for it.) The rule holds for all protocols of this
kind. secretgrad numbers its runs, never uses a number twice, and makes the masks of a run from its keys and this number.

## What the dealer can do

James sees no share and no opening. But he knows a and b. If he tells them to Alice, she knows everything:
*/
console.log(`James tells Alice a, and she finds x = ${BigInt.asIntN(64, first.d + a)}`);

/*
And if James makes a wrong triple, the result is wrong, and nobody notices. Here c is too large by one:
*/
const [a2, b2] = [random(), random()];
const spoilt = { a: share(a2), b: share(b2), c: share(word(a2 * b2 + 1n)) };
console.log(`With a wrong triple: 6 · 7 = ${open(multiply(x, y, spoilt).product)}`);

/*
So the dealer must follow the protocol, and must not work together with a party. There are protocols that detect a
wrong triple. They cost more.

## Matrices

A layer of a neural network is a product of matrices. It would be wasteful to use one triple for each product of two
numbers. The same trick works for whole matrices: A and B are random matrices, C = A · B, and what is opened is X - A
and Y - B. Each *entry of X and Y* is masked once, however many products it goes into.
*/
type Matrix = readonly (readonly bigint[])[];
const zip = (X: Matrix, Y: Matrix, f: (x: bigint, y: bigint) => bigint): Matrix =>
  X.map((row, i) => row.map((each, j) => word(f(each, Y[i]![j]!))));
const plus = (...list: Matrix[]): Matrix => list.reduce((X, Y) => zip(X, Y, (x, y) => x + y));
const minus = (X: Matrix, Y: Matrix): Matrix => zip(X, Y, (x, y) => x - y);
const times = (X: Matrix, Y: Matrix): Matrix =>
  X.map((row) => Y[0]!.map((_, j) => word(row.reduce((sum, each, k) => sum + each * Y[k]![j]!, 0n))));
const randomLike = (X: Matrix): Matrix => X.map((row) => row.map(random));
const shareMatrix = (X: Matrix) => {
  const alice = randomLike(X);
  return { alice, bob: minus(X, alice) };
};

const X = shareMatrix([
  [1n, 2n, 3n],
  [4n, 5n, 6n],
]);
const Y = shareMatrix([
  [1n, 0n],
  [0n, 1n],
  [2n, 2n],
]);

// James
const maskOfX = randomLike(X.alice);
const maskOfY = randomLike(Y.alice);
const [A, B, C] = [maskOfX, maskOfY, times(maskOfX, maskOfY)].map(shareMatrix);

// Alice and Bob open D and E,
const D = plus(minus(X.alice, A!.alice), minus(X.bob, A!.bob));
const E = plus(minus(Y.alice, B!.alice), minus(Y.bob, B!.bob));
// and each computes its share of the product.
const Z = {
  alice: plus(C!.alice, times(D, B!.alice), times(A!.alice, E), times(D, E)),
  bob: plus(C!.bob, times(D, B!.bob), times(A!.bob, E)),
};
for (const row of plus(Z.alice, Z.bob)) console.log(`[ ${row.join("  ")} ]`);

/*
What does each of them send for the product of an m × k matrix and a k × n matrix? With one triple for each product of
two numbers: 2 · m · k · n words. With a matrix triple: m · k + k · n. For the first layer of a small network on 64
images:
*/
const [m, k, n] = [64, 784, 128];
console.log(`One triple for each product: ${2 * m * k * n} words`);
console.log(`One matrix triple: ${m * k + k * n} words`);

/*
## Without a dealer: three parties, two shares each

secretgrad's main protocol is called `rep3`: **replicated secret sharing** among three ([Araki and others,
2016](https://eprint.iacr.org/2016/768)). A secret is the sum of three words, x = x0 + x1 + x2. But now each party
holds *two* of them: party 0 has x0 and x1, party 1 has x1 and x2, party 2 has x2 and x0. One party alone lacks one
word, so it knows nothing about x. Two parties have all three.

What is that good for? The product of two such sums has nine terms. For each of them, there is a party that holds both
factors:
*/
type Three = readonly [bigint, bigint, bigint];
const share3 = (secret: bigint): Three => {
  const [first, second] = [random(), random()];
  return [first, second, word(secret - first - second)];
};
const open3 = ([first, second, third]: Three): bigint => BigInt.asIntN(64, first + second + third);

const u = share3(6n);
const v = share3(7n);
for (const party of [0, 1, 2]) {
  const [own, next] = [party, (party + 1) % 3];
  console.log(`Party ${party}: u${own} v${own}, u${own} v${next}, u${next} v${own}`);
}

const terms = (own: 0 | 1 | 2, next: 0 | 1 | 2): bigint => word(u[own] * v[own] + u[own] * v[next] + u[next] * v[own]);
const z: Three = [terms(0, 1), terms(1, 2), terms(2, 0)];
console.log(`Each party adds up its three terms: ${z.join(", ")}  (random)`);
console.log(`Together: 6 · 7 = ${open3(z)}`);

/*
That took no message at all. But the result is not shared as the factors were: each party has one word of it, and
should have two. So each party must send its word to a neighbour. Party i sends z_i to the party before it.

## Why it must be masked

Could party 2 send z2 as it is? Party 1 gets it. Party 1 already has two words of each factor, and suppose it knows
that the factors are numbers from 0 to 99. Then it tries all 10,000 pairs, and looks which ones would have led to this
z2:
*/
function fitting(received: (pair: { u: bigint; v: bigint; z2: bigint }) => boolean): string[] {
  const found: string[] = [];
  for (let guessU = 0n; guessU < 100n; guessU++)
    for (let guessV = 0n; guessV < 100n; guessV++) {
      // What party 1 lacks, if the guess is right:
      const [u0, v0] = [word(guessU - u[1] - u[2]), word(guessV - v[1] - v[2])];
      const z2 = word(u[2] * v[2] + u[2] * v0 + u0 * v[2]);
      if (received({ u: guessU, v: guessV, z2 })) found.push(`${guessU} · ${guessV}`);
    }
  return found;
}
console.log(`Pairs that fit: ${fitting(({ z2 }) => z2 === z[2]).join(", ")}`);

/*
It has found both secrets. So words must be masked before they are sent, and the masks must cancel out in the sum. For
that, each two parties have a secret key in common: k0 is known to parties 2 and 0, k1 to parties 0 and 1, k2 to
parties 1 and 2. From a key and a number that is used once, both draw the same word F(k).

Party i adds F(k_i) and subtracts F(k_i+1). Each F occurs once with plus and once with minus, so the sum of all three
stays the same. (secretgrad draws F with AES, from the number of the run, the number of the step, and a counter. Here
a hash does it.)
*/
const keys = [0, 1, 2].map(() => random().toString());
const F = (key: string, used: number): bigint =>
  createHmac("sha256", key).update(String(used)).digest().readBigUInt64LE();

const mask = (own: 0 | 1 | 2, next: 0 | 1 | 2): bigint => word(z[own] + F(keys[own]!, 1) - F(keys[next]!, 1));
const masked: Three = [mask(0, 1), mask(1, 2), mask(2, 0)];
for (const party of [0, 1, 2]) console.log(`party ${party} -> party ${(party + 2) % 3}: ${masked[party]}  (random)`);
console.log(`Together: 6 · 7 = ${open3(masked)}`);

/*
Party 1 receives z2 + F(k2) - F(k0). It knows k2, so it can take off that half of the mask. The other half comes from
k0, which it does not have. For each guess there is one mask that explains what it has received:
*/
const explaining = new Set<bigint>();
const all = fitting(({ z2 }) => {
  explaining.add(word(z2 + F(keys[2]!, 1) - masked[2]));
  return true;
});
console.log(`${all.length} of 10000 pairs fit, with ${explaining.size} different masks F(k0)`);

/*
To somebody without the key k0, all of these masks are equally likely. So party 1 has learnt nothing.

Every party has sent one word to one neighbour, and holds two words of the result again: its own, and the one that it
received. This step is called **resharing**. It needs one round, and no dealer.

## The same with secretgrad

A thousand products of whole numbers, by three parties. (`local()` runs all three in this process. That is good for
trying things out, and keeps nothing secret from whoever runs the process.) The report says how many rounds of
messages they needed, and how many bytes each party sent to the others. A word has 8 bytes.
*/
const session = await local({ quiet: true });
const numbers = Array.from({ length: 1000 }, (_, i) => i);
await session.share("alice/numbers", numbers, { format: "integer" });
await session.share("bob/numbers", numbers, { format: "integer" });
const squares = await session.dataset("alice/numbers").all().mul(session.dataset("bob/numbers").all()).sum().reveal();
console.log(`The sum of all products is ${squares}; it should be ${numbers.reduce((sum, i) => sum + i * i, 0)}`);
console.log(`Adding them up first: ${report()}`);

await session.dataset("alice/numbers").all().mul(session.dataset("bob/numbers").all()).reveal();
console.log(`All thousand products: ${report()}`);

/*
The sum of a thousand products takes one word from each party, not a thousand: the parties add up their own terms
*before* they send anything. For the same reason a product of matrices takes one word for each entry of the *result*.
Compare it with the 150,528 words above:
*/
await session.share("alice/matrix", new Float64Array(m * k).fill(1), { shape: [m, k], format: "integer" });
await session.share("bob/matrix", new Float64Array(k * n).fill(1), { shape: [k, n], format: "integer" });
await session.dataset("alice/matrix").all().matmul(session.dataset("bob/matrix").all()).reveal();
console.log(`${m}×${k} by ${k}×${n}: ${report()}, that is ${session.lastRun!.bytes[0]! / 8} words`);
await session.close();

function report(): string {
  const { rounds, bytes } = session.lastRun!;
  return `rounds: ${rounds}, bytes sent by each party: ${bytes.join(", ")}`;
}

/*
(The local step of secretgrad is a little different: the nine terms are dealt out so that five products are enough,
see [decision 10](../decisions/0010-products.md). What is sent is the same. With fraction bits, truncation takes the
place of the resharing: two rounds, and somewhat more bytes.)

## Who learns what

| | with a dealer | replicated, three parties |
|---|---|---|
| one party alone | nothing | nothing |
| two parties together | Alice and Bob: everything | everything |
| a party and the dealer together | everything | there is no dealer |
| sent by each party for a product | the openings of both factors | one word for each entry of the result |
| prepared beforehand | a triple for each product | keys, once a session |

All of that holds for parties that follow the protocol. They may look at everything they get, for as long as they
like. A party that sends wrong words makes the result wrong, and neither of the two protocols on this page notices.
*/
