/** Rows of a data file as the options of a command line want them: for `share` and `ask`. Not the readers, see src/data. */
import type { RowSource } from "../src/data/index.js";
import { decimal, integer, list } from "./command.js";
import { UsageError } from "./errors.js";

export const rowOptions = {
  scale: {
    type: "string",
    description: "Multiply everything, before normalising: 0.00392156862745098 for pixels",
    valueHint: "factor",
  },
  normalize: { type: "string", description: "Subtract MEAN, divide by STD", valueHint: "mean,std" },
  flatten: { type: "boolean", description: "Make each row one vector: images of 28 x 28 become 784 numbers" },
  columns: { type: "string", description: "Only these columns of a table, from 0: 0,1,4", valueHint: "list" },
  rows: { type: "string", description: "Only rows FROM to TO - 1, from 0: 0:640", valueHint: "from:to" },
} as const;

export interface RowArguments {
  readonly scale?: string | undefined;
  readonly normalize?: string | undefined;
  readonly flatten?: boolean | undefined;
  readonly columns?: string | undefined;
  readonly rows?: string | undefined;
}

/** Checks the options before the file is opened. */
export async function openRows(file: string, args: RowArguments): Promise<RowSource> {
  const [mean, std, ...others] =
    args.normalize === undefined ? [] : list(args.normalize).map((text) => decimal("normalize", text));
  if (args.normalize !== undefined && (std === undefined || others.length > 0))
    throw new UsageError(`--normalize: expected MEAN,STD, got ${args.normalize}`);
  const [from, to] =
    args.rows === undefined ? [] : args.rows.split(":").map((text) => integer("rows", text, 0, 2 ** 40));
  if (args.rows !== undefined && to === undefined) throw new UsageError(`--rows: expected FROM:TO, got ${args.rows}`);

  const data = await import("../src/data/index.js");
  let source = data.rowsOf(await data.openFile(file));
  if (from !== undefined && to !== undefined) source = data.rows(from, to)(source);
  if (args.columns !== undefined) {
    const columns = list(args.columns).map((text) => integer("columns", text, 0, 2 ** 31));
    source = data.columns(columns.length === 1 ? columns[0]! : columns)(source);
  }
  if (args.scale !== undefined) source = data.scale(decimal("scale", args.scale))(source);
  if (mean !== undefined && std !== undefined) source = data.normalize(mean, std)(source);
  if (args.flatten) source = data.reshape(source.rowShape.reduce((size, length) => size * length, 1))(source);
  return source;
}
