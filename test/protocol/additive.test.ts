/** Runs the conformance suite on additive sharing with a dealer, for two parties and for three. */
import { additive } from "../../src/protocol/index.js";
import { conformance } from "./conformance.js";

for (const count of [2, 3]) conformance(additive(count), { pivots: [1] });
