/** Every operator of ONNX that can be taken over, by name. Adding one is an entry in one of these files. */
import type { OperatorTable } from "../call.js";
import { folds } from "../fold.js";
import { elementwise } from "./elementwise.js";
import { layout } from "./layout.js";
import { linearOperators } from "./linear.js";
import { normalization } from "./normalization.js";
import { pooling } from "./pooling.js";
import { recurrent } from "./recurrent.js";
import { reductions } from "./reductions.js";

/** What exporters compute shapes with: on public numbers only, see `fold.ts`. */
const onlyPublic: OperatorTable = Object.fromEntries(
  Object.keys(folds).map((type) => [
    type,
    { isPublic: true, record: (call) => call.refuse("its inputs have to be public") },
  ]),
);

export const operators: OperatorTable = {
  ...onlyPublic,
  ...elementwise,
  ...linearOperators,
  ...pooling,
  ...reductions,
  ...layout,
  ...normalization,
  ...recurrent,
};
