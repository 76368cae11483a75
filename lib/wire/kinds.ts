/**
 * The numbers of the wire format. `src/wire/kinds.rs` has the same tables, in the same order, and a
 * test of its own compares the two.
 */

/** What a request asks for. */
export const Operation = {
  Execute: 1,
  Batch: 2,
  Script: 3,
  Begin: 4,
  Commit: 5,
  Rollback: 6,
  EndAnyTransaction: 7,
} as const;

/** How a transaction begins. */
export const Mode = {
  Deferred: 0,
  Write: 1,
  Read: 2,
} as const;

/** What a value of an argument is. */
export const ValueTag = {
  Null: 0,
  Integer: 1,
  Real: 2,
  Text: 3,
  Blob: 4,
} as const;

/** What a record of an answer is. */
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
} as const;

/** What a cell of a row is. */
export const CellTag = {
  Null: 0,
  SmallInteger: 1,
  Integer: 2,
  Real: 3,
  Text: 4,
  Blob: 5,
} as const;

/** Which JavaScript class an error becomes. */
export const ErrorClass = {
  Libsql: 0,
  Range: 1,
  Aborted: 2,
} as const;
