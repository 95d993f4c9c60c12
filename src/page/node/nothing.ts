/** In the place of Node's modules and packages that a page has no use for: files, TLS, certificates. Only files can be asked for. */
import { InputError } from "../../errors.js";

export function open(path: string): Promise<never> {
  const shown = JSON.stringify(String(path).slice(0, 80));
  return Promise.reject(
    new InputError(
      `${shown}: expected numbers, got the name of a file, which a page cannot open; try fetch() and data.readBytes()`,
    ),
  );
}
