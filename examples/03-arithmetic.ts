/** Arithmetic with secrets: public + secret, secret + secret, secret × secret, comparisons. */
import { local, where } from "secretgrad";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
const x = session.secret([1, 2, 3]);
const y = session.secret([4, 5, 6]);

// Nothing runs until something is revealed; what is revealed together runs together.
const [sum, shifted, product, dot, less, larger] = await Promise.all([
  x.add(y).reveal(),
  x.add(2).reveal(),
  x.mul(y).reveal(),
  x.dot(y).reveal(),
  x.lt(2.5).reveal(),
  where(x.mul(2).gt(y), x, y).reveal(),
]);
console.log("x + 2 =", shifted);
console.log("x + y =", sum);
console.log("x * y =", product);
console.log("x . y =", dot);
console.log("x < 2.5 =", less);
console.log("where(2x > y, x, y) =", larger);
console.log("cost:", session.lastRun?.rounds, "rounds");
await session.close();
