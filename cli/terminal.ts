/** What kind of place this runs in. */
export const isTTY = (): boolean => process.stdout.isTTY === true && process.env.TERM !== "dumb";
export const isCI = (): boolean => Boolean(process.env.CI);
