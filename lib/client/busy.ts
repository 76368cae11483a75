/** Which errors say that another process has kept a call from its lock. */
import { LibsqlError } from "@libsql/core/api";

/** What the addon writes where a transaction of this process has the lock (`src/client/error.rs`). */
const HELD_HERE = /database is locked: a transaction of (?:this client|another client) /;
/** How far a library's error leads to ours, by its `cause`. */
const MOST_CAUSES = 5;

/**
 * Whether a call failed with SQLITE_BUSY (https://sqlite.org/rescode.html#busy), because of another process.
 * @param error the error of the call, or a library's error with that one as its cause
 */
export function isBusyElsewhere(error: unknown): boolean {
  let cause = error;
  for (let i = 0; i < MOST_CAUSES && cause instanceof Error; i++) {
    if (cause instanceof LibsqlError && cause.code === "SQLITE_BUSY") {
      return !HELD_HERE.test(cause.message);
    }
    cause = cause.cause;
  }
  return false;
}
