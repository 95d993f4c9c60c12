/** A helper that never answers about the piece that it has taken. */
import { control, take } from "./takes.mjs";

take();
Atomics.wait(control, 47, 0);
