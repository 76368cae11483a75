/**
 * The cases of `contract/` that do not hold on a server, and why. `npm run test:remote` runs them over HTTP and
 * WebSockets: each title here must fail, and no other one may. Each `row` is one of COMPAT.md.
 */
import type { Protocol } from "../support/sqld.mjs";

/** The spec files that are run on servers. The others are about files, or about opening them. */
export const specs = [
  "args",
  "args-forms",
  "batch",
  "client",
  "errors",
  "execute-multiple",
  "migrate",
  "result-set",
  "rows",
  "transaction",
  "values-in",
  "values-out",
] as const;

export interface Difference {
  /** The first cell of the row. */
  row: string;
  /** Whether it is one on both protocols. */
  only?: Protocol;
  /** Whether the cases may hold by chance. */
  byChance?: boolean;
  /** Titles, or what begins them, by their file. */
  titles: Partial<Record<(typeof specs)[number], Array<string | RegExp>>>;
}

export const differences: Difference[] = [
  {
    row: "arguments that are missing, or that no parameter takes, on a server",
    titles: {
      args: [
        "a missing named argument is NULL",
        "a missing positional argument is NULL",
        "a transaction binds arguments as the client does",
        "an argument of one call does not linger in the next",
        "an extra named argument is ignored",
        "an extra positional argument is ignored",
        "of two arguments for one name, the last one counts",
        "parameters without any arguments are NULL",
        "positional arguments also fill named parameters",
      ],
      "args-forms": [/^arguments of /],
    },
  },
  {
    row: "text after the first statement of `execute`, on a server",
    titles: {
      args: ["what follows the first statement of execute is ignored: a second statement"],
    },
  },
  {
    row: "codes and texts of a server's errors",
    titles: {
      batch: [
        "a batch of a transaction runs inside it, and its failure leaves the choice",
        "a statement that fails rolls back the whole batch",
        "the client goes on after a batch that failed",
      ],
      errors: [
        / fails (the same way in a|with SQLITE_|the batch at its commit|the commit of a)/,
        "a value of the wrong type in a STRICT table is SQLITE_CONSTRAINT 3091",
        "the client goes on after an error",
      ],
      "execute-multiple": ["a constraint that fails has its extended code"],
      migrate: [
        "a migration that fails is rolled back whole and names the statement",
        "foreign keys are enforced again after a migration that failed",
      ],
    },
  },
  {
    row: "a text in a script that is no SQL, on a server",
    titles: {
      "execute-multiple": [
        "a script that fails inside its own transaction is rolled back",
        "a statement that fails stops the script and keeps what came before",
      ],
      transaction: [
        "executeMultiple that fails in a transaction keeps what came before and leaves it open",
      ],
    },
  },
  {
    row: "an integer that cannot be read, in the result of a write on a server",
    titles: {
      batch: ["an integer that is unsafe to read keeps its RangeError and rolls back the batch"],
    },
  },
  {
    row: "COMMIT in a batch or a transaction on a server",
    titles: { transaction: ["a COMMIT executed in a transaction closes it"] },
  },
  {
    row: "COMMIT in a batch or a transaction on a server",
    only: "http",
    titles: {
      batch: ["a COMMIT inside a batch fails the next statement with TRANSACTION_CLOSED"],
    },
  },
  {
    row: "when a transaction on a server begins, and waits",
    titles: {
      batch: ["the mode is deferred where none is given: reading needs no write lock"],
      transaction: ["the mode is write where none is given"],
    },
  },
  {
    row: "the order of calls on a server",
    titles: { client: ["calls that are not awaited keep their order"] },
    byChance: true,
  },
  {
    row: "PRAGMA, ATTACH and TEMP on a server",
    titles: {
      "result-set": ["a PRAGMA that answers gives a row"],
      transaction: [
        "a deferred transaction whose snapshot is stale cannot write",
        "in WAL mode a transaction keeps reading what it first saw",
      ],
    },
  },
  {
    row: "`true` and `false` as arguments on a server",
    titles: { "values-in": [/^(true|false) is stored as (REAL|TEXT) /] },
  },
  {
    row: "-0, Infinity and -Infinity on a server",
    titles: {
      "values-in": ["negative zero keeps its sign"],
      "values-out": [/^the REAL -?9e999 comes back as the number -?Infinity$/],
    },
  },
  {
    row: "files, on a server",
    titles: {
      client: [
        "createClient is synchronous and creates the file",
        "the protocol of a local client is file",
      ],
      errors: ["a file that is no database fails at the first execute with SQLITE_NOTADB"],
    },
  },
];

/** Whether the result of a case is none that is known: it must hold, unless it is known to differ. */
export function isSurprise(
  spec: string,
  title: string,
  protocol: Protocol,
  holds: boolean,
): boolean {
  const known = differences
    .filter(({ only }) => only === undefined || only === protocol)
    .find(({ titles }) =>
      titles[spec as (typeof specs)[number]]?.some((one) =>
        typeof one === "string" ? one === title : one.test(title),
      ),
    );
  if (holds) return known !== undefined && known.byChance !== true;
  return known === undefined;
}
