/**
 * Three people learn the sum of their numbers and nothing else.
 *
 * Each owner agrees to one plan by its digest: the sum. A plan that would reveal one number finds nobody to agree.
 */
import { GrantMissingError, local } from "secretgrad";
import { protocol } from "./support/protocol.js";

const owners = ["alice", "bob", "carol"];
const session = await local({ protocol, insecure: true, grants: "explicit" });
await session.share("alice/number", [3]);
await session.share("bob/number", [4]);
await session.share("carol/number", [2]);

const number = (owner: string) => session.dataset(`${owner}/number`).all().sum();

// The first attempt is refused: nobody has agreed yet. It tells the parties the plan, so that the owners can judge it.
await number("alice").add(number("bob")).add(number("carol")).reveal().catch(expected);
for (const owner of owners) {
  const [digest] = await session.owner(owner).plans();
  await session.grant(owner, digest!, { release: ["open"] });
}
console.log("The sum is", String(await number("alice").add(number("bob")).add(number("carol")).reveal()));

// Nobody agreed to this plan, so nobody learns Alice's number.
await number("alice").reveal().catch(expected);
await session.close();

function expected(error: unknown): void {
  if (!(error instanceof GrantMissingError)) throw error;
  console.log("Refused:", error.message);
}
