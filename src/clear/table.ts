/** The float64 meaning of every operator of plans. */
import { elementwise } from "./elementwise.js";
import { ends } from "./ends.js";
import type { Meanings } from "./meaning.js";
import { moves } from "./moves.js";
import { products } from "./products.js";
import { sums } from "./sums.js";
import { words } from "./words.js";

export const meanings: Meanings = { ...ends, ...elementwise, ...moves, ...sums, ...products, ...words };
