/** What Node has as globals and pages have not, or in another form: timers that can be let go of, and `process`. */

type Timer = ReturnType<typeof globalThis.setTimeout>;
type Call = (...args: never[]) => void;

/** Node's timers keep its process alive unless they are let go of; those of a page never do. */
class PageTimer {
  constructor(readonly timer: Timer) {}
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}
const start =
  (platform: (call: Call, milliseconds?: number, ...args: never[]) => Timer) =>
  (call: Call, milliseconds?: number, ...args: never[]): PageTimer =>
    new PageTimer(platform(call, milliseconds, ...args));
const stop = (timer: PageTimer | undefined): void => globalThis.clearTimeout(timer?.timer);

// Called as functions of the window: browsers refuse another `this`.
export const setTimeout = start((...args) => globalThis.setTimeout(...args));
export const setInterval = start((...args) => globalThis.setInterval(...args));
export { stop as clearInterval, stop as clearTimeout };

const waiting: (() => void)[] = [];
/** As it is in both; the types that are at hand are of Node's alone. */
interface Port {
  onmessage: () => void;
  postMessage(message: undefined): void;
  unref?(): void;
}
const { port1: here, port2: there } = new MessageChannel() as unknown as { port1: Port; port2: Port };
here.onmessage = () => waiting.shift()?.();
// Under Node, where this is tested, an open port would keep the process.
here.unref?.();

/** After what the page has to do first; unlike a time-out of 0, without a pause of some milliseconds. */
export function setImmediate<T extends unknown[]>(call: (...args: T) => void, ...args: T): void {
  waiting.push(() => call(...args));
  there.postMessage(undefined);
}

/** A page is told neither processor time nor memory: they are reported as 0. */
export const process = {
  env: {},
  platform: "browser",
  cpuUsage: () => ({ user: 0, system: 0 }),
  memoryUsage: { rss: () => 0 },
};
