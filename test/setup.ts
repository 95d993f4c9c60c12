/** Runs before every test file: in CI the property tests draw the same cases each time; elsewhere fresh ones. */
import fc from "fast-check";

if (process.env.CI) fc.configureGlobal({ seed: 20_261_121 });
