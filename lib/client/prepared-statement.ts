/**
 * Prepared statements: texts, which any connection of their client prepares when it needs to. The statements of a
 * client's connections stay prepared by themselves, so that one holds nothing.
 */
import type { InArgs, ResultSet, Row } from "@libsql/core/api";
import type {
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  StatementDescription,
} from "../../index.js";
import { describe } from "./describe";
import { statementClosed } from "./errors";
import { errorOf } from "./failure";
import { parseSignal, type SignalOption } from "./options";
import type { Arguments } from "./many";
import type { CallSignal } from "./call-signal";
import type { InStatement } from "./statement";

/** A transaction, as far as a prepared statement needs it. */
export interface ManyHost {
  /** Runs a statement for each list of arguments. Resolves to the number of rows that all of them have changed. */
  runMany(sql: string, source: Arguments, signal: CallSignal | undefined): Promise<number>;
}

/** What runs prepared statements: a client or a transaction. */
export interface PreparedHost {
  execute(stmt: InStatement): Promise<ResultSet>;
  get(stmt: InStatement): Promise<Row | undefined>;
  iterate(stmt: InStatement, options?: IterateOptions): RowIterator<Row>;
  transaction<T>(fn: (transaction: ManyHost) => Promise<T>, options?: SignalOption): Promise<T>;
  describe(sql: string): Promise<StatementDescription>;
}

/** A prepared statement. `prepare()` of a client or of a transaction makes one. */
export class Prepared<R> implements PreparedStatement<R> {
  readonly #host: PreparedHost;
  readonly #sql: string;
  #isClosed = false;

  /** @throws TypeError for SQL that is not a string */
  constructor(host: PreparedHost, sql: string) {
    if (typeof sql !== "string") {
      throw new TypeError(`Expected SQL as a string, got ${describe(sql)}`);
    }
    this.#host = host;
    this.#sql = sql;
  }

  async execute(args?: InArgs, options?: SignalOption): Promise<ResultSetOf<R>> {
    this.#check();
    return (await this.#host.execute(this.#with(args, options))) as ResultSetOf<R>;
  }

  async get(args?: InArgs, options?: SignalOption): Promise<R | undefined> {
    this.#check();
    return (await this.#host.get(this.#with(args, options))) as R | undefined;
  }

  iterate(args?: InArgs, options?: SignalOption & IterateOptions): RowIterator<R> {
    this.#check();
    return this.#host.iterate(this.#with(args, options), options) as unknown as RowIterator<R>;
  }

  async executeMany(source: Arguments, options?: SignalOption): Promise<{ rowsAffected: number }> {
    this.#check();
    const signal = parseSignal(options);
    const isIterable =
      typeof source === "object" &&
      source !== null &&
      (Symbol.iterator in source || Symbol.asyncIterator in source);
    if (!isIterable) {
      throw new TypeError(
        `Expected lists of arguments as an iterable or an async iterable, got ${describe(source)}`,
      );
    }
    const rowsAffected = await this.#host.transaction(
      (transaction) => transaction.runMany(this.#sql, source, signal),
      options,
    );
    return { rowsAffected };
  }

  async describe(): Promise<StatementDescription> {
    this.#check();
    return await this.#host.describe(this.#sql);
  }

  close(): void {
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #with(args: InArgs | undefined, options: SignalOption | undefined): InStatement {
    return { ...options, sql: this.#sql, ...(args === undefined ? {} : { args }) };
  }

  #check(): void {
    if (this.#isClosed) throw errorOf(statementClosed());
  }
}
