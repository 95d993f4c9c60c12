/*
# What is a share?

A secret number can be cut into pieces in such a way that each piece alone says nothing about the number, and that the
people who hold the pieces can still compute with it. The pieces are called **shares**; the method is called **secret
sharing**. This page does it by hand, with the whole numbers of JavaScript (`bigint`). At the end three hospitals add
up their numbers with secretgrad, over the network.

## Adding without looking

Alice's secret is 7, Bob's is 10. Each of them cuts the secret into three pieces and gives one piece to each of three
**parties**: computers that work for them, each run by somebody else.
*/
import { randomInt } from "node:crypto";
import { connect, connectOwner, data, GrantMissingError } from "secretgrad";
import { startCluster } from "./support/cluster.js";

const add = (numbers: readonly bigint[]): bigint => numbers.reduce((sum, each) => sum + each, 0n);

const piecesOfSeven = [2n, 4n, 1n];
const piecesOfTen = [2n, 2n, 6n];
const sums = piecesOfSeven.map((piece, party) => piece + piecesOfTen[party]!);

console.log("7 =", piecesOfSeven.join(" + "));
console.log("10 =", piecesOfTen.join(" + "));
for (const [party, sum] of sums.entries())
  console.log(`Party ${party} adds its two pieces: ${piecesOfSeven[party]} + ${piecesOfTen[party]} = ${sum}`);
console.log(`All three sums together: ${sums.join(" + ")} = ${add(sums)}`);

/*
Each party added two numbers, alone. Nobody sent anything to anybody until the three sums were put together. The total
is right because it does not matter in which order numbers are added.

But these pieces are bad shares. Whoever holds the piece 4 of the number 7 knows that the number is at least 4. A good
share must say *nothing*. For that, pieces must be random, and the numbers must have no beginning and no end.

## Numbers on a circle

We count on a circle: after Q - 1 comes 0 again. Mathematicians say "modulo Q". Here Q = 501337, a prime number.

To share a secret among n parties, draw n - 1 random numbers. The last share is whatever is missing. (For secrets,
always use a generator made for cryptography, like the one of `node:crypto`. `Math.random` can be predicted.)
*/
const modulo = (x: bigint, q: bigint): bigint => ((x % q) + q) % q;

function share(secret: bigint, q: bigint, parties = 3): bigint[] {
  const shares = Array.from({ length: parties - 1 }, () => BigInt(randomInt(Number(q))));
  return [...shares, modulo(secret - add(shares), q)];
}
const open = (shares: readonly bigint[], q: bigint): bigint => modulo(add(shares), q);
const addShares = (x: readonly bigint[], y: readonly bigint[], q: bigint): bigint[] =>
  x.map((each, party) => modulo(each + y[party]!, q));

const Q = 501337n;
const two = share(2n, Q);
const five = share(5n, Q);

console.log(`Shares of 2: ${two.join(", ")}  (random)`);
console.log(`Shares of 5: ${five.join(", ")}  (random)`);
console.log(`Put together again: ${open(two, Q)} and ${open(five, Q)}`);

/*
Adding works as before. Each party adds its own two shares:
*/
const sum = addShares(two, five, Q);
console.log(`Shares of the sum: ${sum.join(", ")}  (random)`);
console.log(`2 + 5 = ${open(sum, Q)}`);

/*
You can check such a sharing with pencil and paper. These three numbers were drawn some years ago:
*/
const printed = [463355n, 2676n, 35313n];
console.log(`${printed.join(" + ")} = ${add(printed)} = ${Q} + ${open(printed, Q)}`);
console.log(`The first two alone: ${open(printed.slice(0, 2), Q)}`);

/*
## Two of three shares say nothing

The first two shares of 7 above add up to 466031. Is that a hint at the secret? Take any secret that you like: there
is exactly one third share that leads to it.
*/
for (const secret of [0n, 1n, 2n, 7n, 100000n, 501336n])
  console.log(`The secret is ${secret} if the third share is ${modulo(secret - 463355n - 2676n, Q)}`);

/*
Whatever the secret is, each pair of first shares is drawn with the same probability. So a pair that you see makes no
secret more likely than it was before. The same is true of *any* two of the three shares. If the random numbers are
really random, no computer, however fast, can change that: the information is not there.

That was the proof. We can also try. Share the number 2 a hundred thousand times, and then the number 5. Each time,
look at what two of the three shares add up to, and note in which tenth of the circle it is.
*/
function tenths(secret: bigint, held: readonly number[]): string {
  const counts = new Array<number>(10).fill(0);
  const times = 100_000;
  for (let i = 0; i < times; i++) {
    const shares = share(secret, Q);
    const seen = open(
      held.map((party) => shares[party]!),
      Q,
    );
    counts[Number((seen * 10n) / Q)]!++;
  }
  return counts.map((count) => `${Math.round((100 * count) / times)} %`).join(" ");
}
for (const held of [
  [0, 1],
  [0, 2],
  [1, 2],
])
  for (const secret of [2n, 5n]) console.log(`Secret ${secret}, shares ${held.join(" and ")}: ${tenths(secret, held)}`);
console.log(`Secret 2, all three shares: ${tenths(2n, [0, 1, 2])}`);

/*
What two shares give is everywhere alike, whatever the secret is. Three shares always give the secret itself, which is
in the first tenth. This kind of sharing is called *n out of n*: all n shares are needed.

## What else works without talking

Parties can multiply by a number that everybody knows. Each multiplies its own share:
*/
const fifteen = five.map((each) => modulo(each * 3n, Q));
console.log(`5 · 3 = ${open(fifteen, Q)}`);

/*
They cannot multiply two secrets in this way. The product of two sums has nine terms. Multiplying share by share gives
three of them, and the result is nonsense:
*/
const wrong = two.map((each, party) => modulo(each * five[party]!, Q));
console.log(`2 · 5 is not ${open(wrong, Q)}  (random)`);

/*
How parties multiply secrets is the subject of the [next page](02-beaver.md). It takes messages.

## A larger circle

On a small circle, sums run into each other: 500000 + 5000 is more than Q. So one takes Q much larger than all numbers
that can occur. This one is a prime number, too:
*/
const sumOf = (x: bigint, y: bigint, q: bigint): bigint => open(addShares(share(x, q), share(y, q), q), q);
console.log(`500000 + 5000 on the small circle: ${sumOf(500000n, 5000n, Q)}`);

const LARGE = 78090573363827n;
const secret = share(77777n, LARGE);
console.log(`Shares of 77777: ${secret.join(", ")}  (random)`);
console.log(`Put together again: ${open(secret, LARGE)}`);
console.log(`11 + 122 = ${sumOf(11n, 122n, LARGE)}`);
console.log(`Among ten parties instead of three: ${open(share(77777n, LARGE, 10), LARGE)}`);

/*
## Why computers take 2^64

Nothing so far has needed a *prime* number. Adding, subtracting and multiplying work on every circle. A prime is
needed if one wants to divide, and for other kinds of sharing (Shamir's, for example).

secretgrad uses the circle with 2^64 points, because that is how processors count: a machine word of 64 bits wraps
around by itself. There is no remainder to compute, and many words can be added at once. A random word hides
a secret word perfectly: any word plus a uniformly random word is a uniformly random word.
*/
const words = new BigUint64Array([2n ** 64n - 1n]);
words[0]! += 3n;
console.log(`2^64 - 1 + 3 = ${words[0]}`);

const RING = 2n ** 64n;
/** Like `share`; randomInt stops at 2^48, so words are put together from two halves. */
const randomWord = (): bigint => (BigInt(randomInt(2 ** 32)) << 32n) | BigInt(randomInt(2 ** 32));
function shareWord(value: bigint): bigint[] {
  const shares = [randomWord(), randomWord()];
  return [...shares, modulo(value - add(shares), RING)];
}
/** The upper half of the circle are the negative numbers, as in every processor. */
const openWord = (shares: readonly bigint[]): bigint => BigInt.asIntN(64, add(shares));

const minusFour = shareWord(-4n);
console.log(`Shares of -4: ${minusFour.join(", ")}  (random)`);
console.log(`Put together again: ${openWord(minusFour)}`);

/*
## Numbers with a fraction

Neural networks need 0.25 and -1.5. We write them as whole numbers of small units. secretgrad's units are 2^-20 (about
a millionth) for training. This is called **fixed point**, with 20 fraction bits.
*/
const FRACTION = 20;
const encode = (x: number): bigint => BigInt(Math.round(x * 2 ** FRACTION));
const decode = (word: bigint, fraction = FRACTION): number => Number(word) / 2 ** fraction;

const [a, b] = [shareWord(encode(3.25)), shareWord(encode(-1.5))];
console.log(`3.25 is stored as ${encode(3.25)}`);
console.log(`3.25 + -1.5 = ${decode(openWord(addShares(a, b, RING)))}`);

/*
Sums are fine. A product has twice as many fraction bits, because units are multiplied, too. Here 3.25 is multiplied
by the public number 0.5:
*/
const product = a.map((each) => modulo(each * encode(0.5), RING));
console.log(`Read with 40 fraction bits: ${decode(openWord(product), 40)}`);

/*
So 20 of them must go, or the numbers would grow with every multiplication until they do not fit. Can each party just
cut 20 bits off its own share?
*/
const cut = product.map((each) => each >> BigInt(FRACTION));
console.log(`Cut share by share: ${decode(openWord(cut))}  (random)`);

/*
No. The shares are three words from anywhere on the circle, and together they go around it once or twice before they
meet the secret. The turns vanish modulo 2^64, but not after the cut. Getting rid of fraction bits is called
**truncation**. It takes a small protocol with messages; the one that secretgrad uses is in
[decision 4](../decisions/0004-truncation.md).

## Three hospitals

Now in earnest. Three hospitals have 3, 4 and 2 cases of a rare disease. They want to know how many there are in all,
and no hospital wants to tell its own number.

`startCluster` runs `secretgrad init` and `secretgrad up`: three parties, each a process of its own. They talk to each
other over TLS, and so does everybody who talks to them; at both ends of every connection a key proves who is there.
On this page all of it is on one machine, and this program plays the hospitals. In earnest each hospital has a
machine, and may run one of the three parties there.
*/
const cluster = await startCluster("north:owner,south:owner,west:owner,driver:driver");
const cases = { north: 3, south: 4, west: 2 };

const hospitals = await Promise.all(
  Object.entries(cases).map(async ([name, number]) => {
    const hospital = await connectOwner(cluster.file, { as: name });
    await hospital.share(`${name}/cases`, data.rowsOf({ shape: [1], values: Float64Array.of(number) }), {
      format: "integer",
    });
    return hospital;
  }),
);

/*
Each number was cut into shares on the hospital's side of the connection, so no party got to see it. The **driver** is
whoever writes the program. Here it has neither data nor shares. It asks for the sum and is refused, because
nobody has agreed:
*/
const session = await connect(cluster.file, { as: "driver" });
const number = (name: string) => session.dataset(`${name}/cases`).all();
const total = () => number("north").add(number("south")).add(number("west")).sum().reveal();

await total().catch(refused);

/*
But now the hospitals can see what the driver wants to run: not a program, but a **plan**, a list of steps. They look
at what it would reveal, to whom, and agree to exactly this plan, once.
*/
for (const hospital of hospitals) {
  const [digest] = await hospital.plans();
  const plan = await hospital.describe(await hospital.plan(digest!));
  for (const { release, recipients, sources } of plan.reveals)
    console.log(`${hospital.name} reads: ${release} value for ${recipients.join(", ")}, made of ${sources.join(", ")}`);
  await hospital.grant(digest!, { release: ["open"], to: ["driver"], times: 1 });
}
console.log(`The sum is ${await total()}`);

/*
A second time was not agreed, and neither was any other plan:
*/
await total().catch(refused);
await number("north").sum().reveal().catch(refused);

await session.close();
await Promise.all(hospitals.map((hospital) => hospital.close()));
await cluster.stop();

function refused(error: unknown): void {
  if (!(error instanceof GrantMissingError)) throw error;
  console.log("Refused:", error.message.replace(/[0-9a-f]{12}/g, "…"));
}

/*
## Who learnt what

- The **driver** learnt 9. From 9 alone nobody can tell the three numbers.
- **Each party** got shares and the plan, with the names and sizes of the data sets. secretgrad keeps two of three
  shares at every party (the [next page](02-beaver.md) shows why). So any *one* party learns nothing about the
  numbers, and any *two* parties together learn everything. [Another page](05-what-each-party-sees.md) looks at what a
  party gets.
- **A hospital** that is told the sum knows its own number, too. The north could say that the other two have 6 cases
  together. No encryption can hide what follows from the result. That is why the owners of the data decide which
  results there are.
*/
