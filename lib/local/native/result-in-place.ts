/** Reads the answer of a statement that has run on this thread. */
import type { ResultSet, Row } from "@libsql/core/api";
import { OutcomeFlag, RecordKind } from "../wire/kinds";
import type { RecordReader, StatementEnd } from "../wire/response";
import { resultSetOf } from "../../client/rows/result-set";
import type { AnswerHost } from "./job-answer";
import type { StatementOptions } from "../../client/statement-options";
import type { RowMode } from "../../../index.js";

/** A long value is beyond the bounds of a call in place. */
function noLongValue(): never {
  throw new TypeError("a call in place has a long value");
}

/**
 * The result of a statement, if the answer has nothing else: no new columns, no error, and a connection
 * in the expected state. Undefined for any other answer, which `JobAnswer` reads from its beginning.
 */
export function resultInPlace(
  record: RecordReader,
  host: AnswerHost,
  isInTransaction: boolean,
  options: StatementOptions | undefined,
): ResultSet | undefined {
  const rows: Row[] = [];
  let end: StatementEnd | undefined;
  try {
    while (record.next()) {
      switch (record.kind) {
        case RecordKind.Rows: {
          const shape = host.shapes.get(record.u32());
          if (shape === undefined) return undefined;
          const count = record.u32();
          const cells = record.cells(options?.intMode ?? host.intMode, noLongValue);
          shape.readRows(count, cells, rows, options?.rowMode);
          break;
        }
        case RecordKind.Result:
          end = record.statementEnd();
          break;
        case RecordKind.Done: {
          const flags = record.u8() & ~OutcomeFlag.Committed;
          if (flags !== (isInTransaction ? 0 : OutcomeFlag.Autocommit)) return undefined;
          return end && resultOf(end, rows, host, options?.rowMode ?? host.rowMode);
        }
        default:
          return undefined;
      }
    }
  } catch {
    // The other reader finds the error again, and reports it.
  }
  return undefined;
}

function resultOf(
  end: StatementEnd,
  rows: Row[],
  host: AnswerHost,
  mode: RowMode,
): ResultSet | undefined {
  const shape = end.shape === 0 ? undefined : host.shapes.get(end.shape);
  if (end.shape !== 0 && shape === undefined) return undefined;
  return resultSetOf(shape, end, rows, mode);
}
