/**
 * The numbers on the wire, in both directions: the counterpart of `src/wire`. Each table lists all
 * numbers of one kind. A number that is not in its table is an error on either side.
 */

/** The operation of a request. */
export const RequestKind = {
  Execute: 1,
  Batch: 2,
  Script: 3,
  Begin: 4,
  Commit: 5,
  Rollback: 6,
  EndAnyTransaction: 7,
  Checkpoint: 8,
  Rest: 9,
  OpenCursor: 10,
  Fetch: 11,
  CloseCursor: 12,
  ReadOn: 13,
  Many: 14,
  Describe: 15,
} as const;

/** The mode of a transaction. */
export const ModeKind = { Deferred: 0, Write: 1, Read: 2 } as const;

/** The type of an argument. */
export const ArgumentKind = { Null: 0, Integer: 1, Real: 2, Text: 3, Blob: 4, List: 5 } as const;

/** The flags of a statement. */
export const StatementFlag = { Named: 1, FirstRow: 2, Options: 4 } as const;

/** The options of a statement. */
export const StatementOption = {
  ReadOnly: 1,
  Strict: 2,
  Lenient: 4,
  Numbers: 8,
  OtherIntegers: 16,
  Tables: 32,
  TimeLimit: 64,
} as const;

/** The kind of a record of an answer. */
export const RecordKind = {
  Shape: 1,
  Rows: 2,
  Result: 3,
  Done: 4,
  Error: 5,
  Forget: 6,
  Step: 7,
  Closed: 8,
  ShutdownRequest: 9,
  ShutdownAcknowledged: 10,
  Progress: 11,
  Wanted: 12,
  Swapped: 13,
  SwapError: 14,
  WantedDatabase: 15,
  DatabaseSwapped: 16,
  Report: 17,
  Panic: 18,
  Piece: 19,
  Ran: 20,
  Tables: 21,
} as const;

/** The type of a cell in a `Rows` record. */
export const CellKind = {
  Null: 0,
  SmallInteger: 1,
  Integer: 2,
  Real: 3,
  Text: 4,
  Blob: 5,
  Long: 6,
} as const;

/** The encoding of texts. */
export const TextKind = { Latin1: 1, Utf16: 2 } as const;

/** The content of a piece of a long value. */
export const PieceKind = { Blob: 0, Latin1: 1, Utf16: 2 } as const;

/** The JavaScript class of an error. */
export const ErrorKind = { Libsql: 0, Range: 1, Aborted: 2 } as const;

/** The step of a closing that a `Step` record is about. */
export const ClosingStepKind = { Drain: 1, Cancel: 2, Join: 3, Close: 4 } as const;

/** What a `WantedDatabase` record asks for. */
export const QuestionKind = { Build: 1, Verify: 2 } as const;

/** Where a job has run. */
export const LaneKind = { Main: 1, Reader: 2, Transaction: 3 } as const;

/** The flags of a `Batch` request. */
export const BatchFlag = { ForeignKeysOff: 1 } as const;

/** The flags of `Done` and `Error` records. */
export const OutcomeFlag = { Autocommit: 1, Pinned: 2, Explicit: 4, Committed: 8 } as const;

/** The flags of `Swapped` and `DatabaseSwapped` records. */
export const SwappedFlag = { Committed: 1, Durable: 2, OpenedMeanwhile: 4 } as const;

/** The flags of a `SwapError` record. */
export const SwapErrorFlag = { Committed: 1, Aborted: 2 } as const;

/** What the addon tells of a client's lanes (`laneState`). */
export const LaneFlag = { MainFree: 1, OtherFree: 2, HasIdle: 4 } as const;
