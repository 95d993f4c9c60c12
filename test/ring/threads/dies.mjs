/** A helper that dies with a piece in its hands. */
import { take } from "./takes.mjs";

take();
throw new Error("on purpose");
