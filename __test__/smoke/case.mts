import type * as Package from "latchdb";

/** What a case is given: the package that is tried, and an empty folder of its own. */
export interface Place {
  package: typeof Package;
  /** Where the package is, for a worker that loads it itself. */
  packageFolder: string;
  folder: string;
}

/** One thing that has to work wherever there is a binary. */
export interface SmokeCase {
  name: string;
  /** Whether it starts a process of its own. */
  needsProcess?: boolean;
  /** Throws where it does not. */
  run(place: Place): Promise<void>;
}

/** Closing differs between them: the ones that users have. */
export const journalModes = ["delete", "wal"] as const;
