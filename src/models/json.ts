/** JSON of model files, whose depth is checked before anything follows it. Not what it means. */
import { ModelFileError } from "../errors.js";

/** Configurations of networks have about ten. */
const mostDepth = 100;
const [quote, backslash] = [34, 92];
const [opening, closing] = [new Set([91, 123]), new Set([93, 125])];

/** Throws ModelFileError for text that is no JSON, or nested deeper than any configuration. */
export function parseJson(where: string, text: string): unknown {
  let [depth, inText] = [0, false];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === backslash) i++;
      else if (code === quote) inText = false;
    } else if (code === quote) inText = true;
    else if (opening.has(code)) {
      if (++depth > mostDepth)
        throw new ModelFileError(
          `${where}: expected JSON of at most ${mostDepth} levels, got more; try saving it again`,
        );
    } else if (closing.has(code)) depth--;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelFileError(`${where}: expected JSON, got other text; try saving it again`, { cause: error });
  }
}

/** What a file says, for an error: not all of it, if it is long. */
export function brief(value: string): string {
  return value.length > 200 ? `${value.slice(0, 200)}…` : value;
}
