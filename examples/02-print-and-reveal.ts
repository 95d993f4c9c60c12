/** A secret tensor prints its shape and never its values; reveal() is the only way to them. */
import { local, SecretLeakError } from "secretgrad";
import { protocol } from "./support/protocol.js";

const session = await local({ protocol, insecure: true });
const x = session.secret([1, 2, 3]);

console.log("Printed:", x);
console.log(`As text: ${x}`);
try {
  JSON.stringify({ x });
} catch (error) {
  if (!(error instanceof SecretLeakError)) throw error;
  console.log("As JSON:", error.message);
}
console.log("Revealed:", await x.reveal());
await session.close();
