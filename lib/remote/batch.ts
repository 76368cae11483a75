/** Batches: statements in one transaction, sent and carried out as a whole. */
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import { transactionModeToBegin } from "@libsql/core/util";
import { OPTIONS } from "../client/statement-options";
import type { Call } from "./calls";
import {
  batchFailure,
  commitNotRun,
  RefusedText,
  statementFailure,
  statementNotRun,
} from "./errors";
import {
  ASKS_FOR_TRANSACTION,
  type WireBatchResult,
  type WireCondition,
  type WireStatement,
  type WireStep,
} from "./protocol";
import { modesOf, toResultSet, type ReadModes } from "./results";
import type { Stream } from "./server";
import { command, keepsTransaction } from "./statement";

/** The steps of a batch, and which of them are the caller's statements. */
export interface Program {
  readonly steps: WireStep[];
  /** The step that begins the transaction; undefined if it is open already. */
  readonly begin: number | undefined;
  /** The step of the first statement. The others follow. */
  readonly first: number;
  readonly count: number;
  /** The step that commits; undefined if the transaction stays open. */
  readonly commit: number | undefined;
}

interface ProgramOptions {
  /** The protocol's version on this stream. */
  version: number;
  /** How the transaction begins; undefined if it is open already. */
  mode: TransactionMode | undefined;
  /** Whether the batch is the whole transaction. */
  commits: boolean;
  /** Whether foreign keys are off meanwhile. */
  foreignKeysOff: boolean;
}

/** Each statement runs only if the one before it has succeeded, and the transaction is still open. */
export function programOf(statements: readonly WireStatement[], options: ProgramOptions): Program {
  const steps: WireStep[] = [];
  const add = (stmt: WireStatement, condition?: WireCondition): number =>
    steps.push({ stmt, condition }) - 1;
  /** Behind a step; undefined: behind an earlier request, which may have ended the transaction. */
  const whenOpen = (after: number | undefined): WireCondition | undefined => {
    const previous = after === undefined ? undefined : steps[after]?.stmt;
    const isOk: WireCondition | undefined =
      after === undefined ? undefined : { type: "ok", step: after };
    const asks = options.version >= ASKS_FOR_TRANSACTION;
    if (!asks || (previous !== undefined && keepsTransaction(previous))) return isOk;
    const isOpen: WireCondition = { type: "not", cond: { type: "is_autocommit" } };
    return isOk === undefined ? isOpen : { type: "and", conds: [isOk, isOpen] };
  };

  if (options.foreignKeysOff) add(command("PRAGMA foreign_keys=off"));
  const { mode } = options;
  const begin = mode === undefined ? undefined : add(command(transactionModeToBegin(mode)));
  const first = steps.length;
  let last = begin;
  for (const statement of statements) last = add(statement, whenOpen(last));
  let commit: number | undefined;
  if (options.commits) {
    commit = add(command("COMMIT"), whenOpen(last));
    add(command("ROLLBACK"), { type: "not", cond: { type: "ok", step: commit } });
  }
  if (options.foreignKeysOff) add(command("PRAGMA foreign_keys=on"));
  return { steps, begin, first, count: statements.length, commit };
}

/**
 * The index of the first statement whose text a server refuses with this error; undefined if it does not
 * refuse one any more. Nothing is run: each statement is put behind a condition that does not come true.
 */
export async function indexOfRefused(
  stream: Stream,
  call: Call,
  statements: readonly WireStatement[],
  { error: { code, message } }: RefusedText,
): Promise<number | undefined> {
  // All of them in one request, where the protocol can.
  const texts = [...new Set(statements.map(({ sql }) => sql as string))];
  const answers = await Promise.allSettled(texts.map((sql) => stream.batch(call, unrun(sql))));
  const refused = texts.filter((_, index) => {
    const answer = answers[index];
    if (answer?.status !== "rejected" || !(answer.reason instanceof RefusedText)) return false;
    const { error } = answer.reason;
    return error.code === code && error.message === message;
  });
  const index = statements.findIndex(({ sql }) => refused.includes(sql as string));
  return index < 0 ? undefined : index;
}

/** Steps of which the second, a statement, does not run. Its text is read nevertheless. */
function unrun(sql: string): WireStep[] {
  return [
    { stmt: command("SELECT 1"), condition: undefined },
    { stmt: command(sql), condition: { type: "error", step: 0 } },
  ];
}

/** Whether the transaction has begun, by the answer to the program that begins it. */
export function hasBegun({ begin }: Program, { stepErrors }: WireBatchResult): boolean {
  return begin === undefined || !stepErrors.has(begin);
}

/** Whether the batch has committed its transaction, by its answer. */
export function isCommitted({ commit }: Program, { stepResults }: WireBatchResult): boolean {
  return commit !== undefined && stepResults.has(commit);
}

/**
 * The results of a batch's statements. `showsSql`: whether an error shows the statement that has failed.
 * @throws Failure with a LibsqlBatchError for the first statement that has failed or was not run; with a
 * LibsqlError if the transaction could not begin or be committed
 */
export async function batchResults(
  { begin, first, count, commit, steps }: Program,
  { stepResults, stepErrors }: WireBatchResult,
  modes: ReadModes,
  showsSql = true,
): Promise<ResultSet[]> {
  const beginError = begin === undefined ? undefined : stepErrors.get(begin);
  if (beginError !== undefined) throw statementFailure(beginError);
  const results: ResultSet[] = [];
  for (let index = 0; index < count; index++) {
    const error = stepErrors.get(first + index);
    if (error !== undefined) {
      throw batchFailure(error, index, showsSql ? steps[first + index]?.stmt.sql : undefined);
    }
    const result = stepResults.get(first + index);
    if (result === undefined) throw statementNotRun(index);
    const options = steps[first + index]?.stmt[OPTIONS];
    results.push(await toResultSet(result, modesOf(modes, options)));
  }
  if (commit === undefined) return results;
  const commitError = stepErrors.get(commit);
  if (commitError !== undefined) throw statementFailure(commitError);
  if (!stepResults.has(commit)) throw commitNotRun();
  return results;
}
