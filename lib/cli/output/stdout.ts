/** The standard output of commands that print rows. */

/** Ends the process where its reader has gone, as in `latchdb query … | head -1`. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}
