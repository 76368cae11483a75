/** Checked by the compiler: types/core.d.ts says what the declarations of `@libsql/core` say. */
import type * as core from "@libsql/core/api";
import type { ExpandedConfig } from "@libsql/core/config";
import type * as ours from "../../types/core.js";

/** Each takes the other's place, and no optional property is missing. */
type Same<A, B> = [A, keyof A] extends [B, keyof B]
  ? [B, keyof B] extends [A, keyof A]
    ? true
    : false
  : false;

export const same: {
  Client: Same<core.Client, ours.Client>;
  Config: Same<core.Config, ours.Config>;
  ExpandedConfig: Same<ExpandedConfig, ours.ExpandedConfig>;
  InArgs: Same<core.InArgs, ours.InArgs>;
  InStatement: Same<core.InStatement, ours.InStatement>;
  InValue: Same<core.InValue, ours.InValue>;
  IntMode: Same<core.IntMode, ours.IntMode>;
  LibsqlBatchError: Same<core.LibsqlBatchError, ours.LibsqlBatchError>;
  LibsqlBatchErrors: Same<typeof core.LibsqlBatchError, typeof ours.LibsqlBatchError>;
  LibsqlError: Same<core.LibsqlError, ours.LibsqlError>;
  LibsqlErrors: Same<typeof core.LibsqlError, typeof ours.LibsqlError>;
  Replicated: Same<core.Replicated, ours.Replicated>;
  ResultSet: Same<core.ResultSet, ours.ResultSet>;
  Row: Same<core.Row, ours.Row>;
  Transaction: Same<core.Transaction, ours.Transaction>;
  TransactionMode: Same<core.TransactionMode, ours.TransactionMode>;
  Value: Same<core.Value, ours.Value>;
  names: keyof typeof core extends keyof typeof ours ? true : false;
} = {
  Client: true,
  Config: true,
  ExpandedConfig: true,
  InArgs: true,
  InStatement: true,
  InValue: true,
  IntMode: true,
  LibsqlBatchError: true,
  LibsqlBatchErrors: true,
  LibsqlError: true,
  LibsqlErrors: true,
  Replicated: true,
  ResultSet: true,
  Row: true,
  Transaction: true,
  TransactionMode: true,
  Value: true,
  names: true,
};
