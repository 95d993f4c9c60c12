/** Where a party writes what happened: four methods that the caller supplies; not a logging library. Never gets secrets. */

/** `console` fits. `facts` are names, numbers and run ids, never words of a share, keys or inputs. */
export interface Logger {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void;
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}

const nothing = (): void => {};
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
