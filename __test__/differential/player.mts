/** Plays a script on one package and describes what it answers. */
import { join } from "node:path";
import type {
  Client,
  Config,
  InArgs,
  InStatement,
  InValue,
  ResultSet,
  Row,
  Transaction,
} from "latchdb";
import { unchecked } from "../support/unchecked.mjs";
import { recipes } from "./script.mjs";
import type {
  Answer,
  Argument,
  Arguments,
  DescribedError,
  DescribedResultSet,
  DescribedRow,
  DescribedWrites,
  Observation,
  Outcome,
  Script,
  Statement,
  Step,
  Target,
  WrongStatement,
} from "./script.mjs";

type CreateClient = (config: Config) => Client;

/** Plays a script in a directory of its own. */
export async function play(
  createClient: CreateClient,
  script: Script,
  directory: string,
): Promise<Observation[]> {
  const player = new Player(createClient, script, directory);
  try {
    const observations: Observation[] = [];
    for (const step of script.steps) observations.push(await player.step(step));
    return observations;
  } finally {
    player.close();
  }
}

class Player {
  readonly #clients = new Map<string, Client>();
  readonly #transactions = new Map<string, Transaction>();
  readonly #open: () => Client;

  constructor(createClient: CreateClient, { database, config }: Script, directory: string) {
    const url = database === "memory" ? ":memory:" : `file:${join(directory, "test.db")}`;
    this.#open = () => createClient({ url, ...config });
    this.#clients.set("client", this.#open());
  }

  async step(step: Step): Promise<Observation> {
    const outcome = await settle(() => this.#call(step));
    return { outcome, closed: this.#closed() };
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async #call(step: Step): Promise<Answer> {
    if (step.call === "together") {
      return { together: await Promise.all(step.steps.map((each) => this.step(each))) };
    }
    switch (step.call) {
      case "execute": {
        const result = await this.#executor(step.on).execute(statementOf(step.statement));
        return { results: [describeResultSet(result)] };
      }
      case "executeSql": {
        const { sql, args } = step.statement;
        const result = await this.#executor(step.on).execute(sql, args && argumentsOf(args));
        return { results: [describeResultSet(result)] };
      }
      case "batch": {
        const statements = listOf(step);
        const transaction = this.#transactions.get(step.on);
        const results =
          transaction === undefined
            ? await this.#client(step.on).batch(statements, unchecked(step.mode))
            : await transaction.batch(unchecked(statements));
        return { results: results.map(describeResultSet) };
      }
      case "migrate": {
        const results = await this.#client(step.on).migrate(unchecked(listOf(step)));
        return { results: results.map(describeResultSet) };
      }
      case "executeMultiple":
        return { other: await this.#executor(step.on).executeMultiple(step.sql) };
      case "transaction":
        this.#transactions.set(step.as, await this.#client(step.on).transaction(step.mode));
        return { other: undefined };
      case "close":
        return { other: (this.#transactions.get(step.on) ?? this.#client(step.on)).close() };
      case "commit":
      case "rollback":
        return { other: await this.#transaction(step.on)[step.call]() };
      default:
        return { other: await this.#client(step.on)[step.call]() };
    }
  }

  #client(target: Target): Client {
    if (target.startsWith("transaction")) throw new Error(`${target} did not begin`);
    let client = this.#clients.get(target);
    if (client === undefined) {
      client = this.#open();
      this.#clients.set(target, client);
    }
    return client;
  }

  #transaction(target: Target): Transaction {
    const transaction = this.#transactions.get(target);
    if (transaction === undefined) throw new Error(`${target} did not begin`);
    return transaction;
  }

  #executor(target: Target): Client | Transaction {
    return this.#transactions.get(target) ?? this.#client(target);
  }

  #closed(): Record<string, boolean> {
    const all = [...this.#clients, ...this.#transactions];
    return Object.fromEntries(all.map(([name, { closed }]) => [name, closed]));
  }
}

// --- arguments ----------------------------------------------------------------------------------

function statementOf(statement: Statement | WrongStatement): InStatement {
  if ("wrong" in statement) return unchecked(statement.wrong);
  const { sql, args } = statement;
  return args === undefined ? sql : { sql, args: argumentsOf(args) };
}

function listOf(step: {
  statements: Statement[];
  tuples?: boolean;
}): Array<InStatement | [string, InArgs?]> {
  return step.tuples ? step.statements.map(tupleOf) : step.statements.map(statementOf);
}

function tupleOf({ sql, args }: Statement): [string, InArgs?] {
  return args === undefined ? [sql] : [sql, argumentsOf(args)];
}

function argumentsOf(args: Arguments): InArgs {
  if (Array.isArray(args)) return args.map(valueOf);
  return Object.fromEntries(args.named.map(([name, value]) => [name, valueOf(value)]));
}

function valueOf(value: Argument): InValue {
  if (typeof value === "object" && value !== null && "make" in value) {
    return unchecked(recipes[value.make]());
  }
  return unchecked(value);
}

// --- answers ------------------------------------------------------------------------------------

async function settle<T>(action: () => Promise<T> | T): Promise<Outcome<T>> {
  try {
    return { value: await action() };
  } catch (error) {
    return { error: describeError(error) };
  }
}

function attempt<T>(action: () => T): Outcome<T> {
  try {
    return { value: action() };
  } catch (error) {
    return { error: describeError(error) };
  }
}

function throughJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) throw new TypeError(`Not an Error: ${String(error)}`);
  const { code, extendedCode, rawCode, statementIndex } = unchecked<Record<string, unknown>>(error);
  return {
    class: error.constructor.name,
    name: error.name,
    code,
    extendedCode,
    rawCode,
    statementIndex,
    message: error.message,
    keys: Object.keys(error),
    cause: error.cause instanceof Error ? describeError(error.cause) : undefined,
  };
}

function describeResultSet(result: ResultSet): DescribedResultSet {
  const { columns, columnTypes, rows, rowsAffected, lastInsertRowid } = result;
  const [first] = rows;
  return {
    keys: Object.keys(result),
    columns,
    columnTypes,
    rowsAffected,
    lastInsertRowid,
    rows: rows.map((row) => describeRow(row, columns)),
    json: attempt(() => throughJson(result)),
    // The last one: it changes the row.
    writes: first && describeWrites(first),
  };
}

function describeRow(row: Row, columns: string[]): DescribedRow {
  return {
    keys: Object.keys(row),
    entries: Object.entries({ ...row }),
    length: row.length,
    byIndex: Array.from(row),
    byName: columns.map((name) => described(row[name])),
    json: attempt(() => throughJson(row)),
    ownNames: Object.getOwnPropertyNames(row),
    isInstanceOfObject: row instanceof Object,
    tag: Object.prototype.toString.call(row),
  };
}

/** A column whose name has another meaning may give a function: `constructor`. */
function described(value: unknown): unknown {
  return typeof value === "function" ? `function ${value.name}` : value;
}

function describeWrites(row: Row): DescribedWrites | undefined {
  const [name] = Object.keys(row);
  if (name === undefined) return undefined;
  row[name] = "assigned";
  return {
    indexAfterName: row[0],
    jsonAfterName: attempt(() => throughJson(row)),
    byIndex: attempt(() => (row[0] = "assigned too")),
  };
}
