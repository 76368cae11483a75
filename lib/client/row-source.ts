/** Where the rows of an iterator come from. */
import type { Row } from "@libsql/core/api";

/** Some rows of a statement. */
export interface Part {
  readonly rows: readonly Row[];
  /** Whether there are no further ones. */
  readonly isLast: boolean;
}

/** Where the rows come from. */
export interface RowSource {
  /** Why no row may be handed on any more: its client is closed, for example. */
  failure(): { error: unknown } | undefined;
  /** The next part. The first call begins the statement. */
  fetch(): Promise<Part>;
  /** Ends the statement, and resolves when it has ended. Has no effect if it has not begun. Never rejects. */
  close(): Promise<void>;
}
