/** What kind of place this runs in. */
export const isTTY = (): boolean => process.stdout.isTTY === true && process.env.TERM !== "dumb";
export const isCI = (): boolean => Boolean(process.env.CI);
/** A text of somebody else's, with nothing that a terminal would act on. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is taken out
export const printable = (text: string): string => text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, "?");
