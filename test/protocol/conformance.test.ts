/** Runs the conformance suite on every protocol there is, and on one with four parties. */
import { plain, rep3 } from "../../src/protocol/index.js";
import { openShare, Planes, Replicated } from "../../src/protocol/rep3/share.js";
import { conformance } from "./conformance.js";
import { four } from "./four.js";
