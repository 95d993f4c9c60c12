/** Runs the conformance suite on every protocol there is, and on one with four parties. */
import { protocols } from "../../src/protocol/index.js";
import { conformance } from "./conformance.js";
import { four } from "./four.js";
import { peekRep3 } from "./peek.js";

for (const definition of protocols) conformance(definition, { peek: peekRep3 });
conformance(four, { secret: false });
