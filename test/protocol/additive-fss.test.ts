/** Runs the conformance suite on additive sharing whose comparisons are by keys. */
import { additive } from "../../src/protocol/index.js";
import { conformance } from "./conformance.js";

conformance(additive(2, "fss"), { pivots: [1] });
