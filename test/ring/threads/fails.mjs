/** A helper that says that it could not compute its piece, and lives on. */
import { RESULTS } from "../../../src/ring/threads/control.js";
import { control, take } from "./takes.mjs";

take();
Atomics.store(control, RESULTS, -1);
Atomics.notify(control, RESULTS);
Atomics.wait(control, 47, 0);
