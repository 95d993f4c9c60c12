/** The plan that copies variables to another number of fraction bits, under other names. Not when that is needed: session.ts. */
import type { Precision } from "../ops/index.js";
import { type Plan, Recorder } from "../plan/index.js";
import type { VariableListing } from "./listings.js";

/** Where the copy of a variable at so many fraction bits is kept. */
export const quantizedName = (name: string, fraction: number): string => `${name}.q${fraction}`;

/** Bits are dropped by the protocol's truncation, which rounds without bias; missing ones are zeros. */
export function quantizePlan(precision: Precision, variables: readonly VariableListing[]): Plan {
  const b = new Recorder(precision);
  const { fraction } = precision;
  for (const { name, shape, scale, bound } of variables) {
    const held = b.node("variable", [], { name, shape, scale, bound });
    const copy =
      scale > fraction
        ? b.node("truncate", [b.node("lift", [held])], { shift: scale - fraction })
        : b.node("rescale", [held], { bits: fraction - scale });
    b.node("assign", [copy], { name: quantizedName(name, fraction) });
  }
  return b.close();
}
