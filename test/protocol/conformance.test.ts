/** Runs the conformance suite on every protocol there is, and on one with four parties. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/errors.js";
import { plain, protocolNamed, protocols, rep3 } from "../../src/protocol/index.js";
import { conformance } from "./conformance.js";
import { four } from "./four.js";
import { peekRep3 } from "./peek.js";

// Additive sharing has files of its own, so that they run side by side.
for (const definition of [plain, rep3]) conformance(definition, { peek: peekRep3 });
conformance(four, { secret: false });

test("protocols are found by name", () => {
  for (const definition of protocols) assert.equal(protocolNamed(definition.name), definition);
  assert.throws(() => protocolNamed("rep5"), InputError);
});
