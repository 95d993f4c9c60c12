/** When a command that runs until it is stopped should stop. */

/**
 * Resolves at Ctrl-C, SIGTERM or, for whoever started us with SECRETGRAD_PARENT, when our stdin closes: then the parent
 * is gone, however it went, and nothing of ours stays behind.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    if (process.env.SECRETGRAD_PARENT === undefined) return;
    const { stdin } = process;
    stdin.on("end", resolve).on("error", () => resolve());
    stdin.resume();
    // Whoever is asked to stop may end by itself, with the parent still there.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stdin.pause());
  });
}
