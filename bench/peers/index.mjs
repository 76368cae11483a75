/**
 * The peers: one adapter each, which offers the peer's own API under a few common names. An adapter
 * adds as little as it can: what a workload times is the peer.
 *
 * @typedef {object} Statement as a careful user would hold it: prepared once, where the peer can
 * @property {(...args: unknown[]) => any} get the first row, as {@link Database.row} reads it
 * @property {(...args: unknown[]) => any} all all rows, as {@link Database.rows} reads them
 * @property {(...args: unknown[]) => any} run
 *
 * @typedef {object} Database one open database. With a peer of kind "promise" each method answers a
 * promise, which a workload awaits; with one of kind "sync" it answers the value
 * @property {(sql: string, use?: { overlaps: boolean }) => Statement | Promise<Statement>} prepare
 * `overlaps`: the statement is called again before its last call has ended (false)
 * @property {(sql: string) => unknown} exec runs a script
 * @property {(sql: string, rows: unknown[][]) => unknown} batch runs one statement with each row of
 * arguments, in one transaction
 * @property {(work: (prepare: Database["prepare"]) => unknown) => unknown} transaction an interactive
 * transaction that writes
 * @property {(sql: string) => Promise<() => Promise<unknown>>} [hold] runs a statement in a
 * transaction that stays open, beside the calls of the database; answers what commits it
 * @property {(answer: any) => any} row the row in the answer of `get`
 * @property {(answer: any) => any[]} rows the rows in the answer of `all`
 * @property {() => unknown} close
 *
 * @typedef {object} Peer a loaded package
 * @property {"promise" | "sync"} kind
 * @property {string} version
 * @property {(path: string, pragmas: string[]) => Database | Promise<Database>} open
 *
 * @typedef {object} Adapter the exports of a module in this folder
 * @property {(source: { from?: string }) => Promise<Peer>} load `from`: a checkout of latchdb
 */

/**
 * The modules of this folder by the names of their peers, and the runtime of each where no other one
 * is asked for: the one that runs the bench ("this"), or one that the peer needs.
 *
 * @type {Record<string, { module: string, runtime: "this" | "node24" | "bun", isInstalled?: boolean }>}
 */
export const PEERS = {
  latchdb: { module: "latchdb.mjs", runtime: "this", isInstalled: true },
  libsql: { module: "libsql.mjs", runtime: "this" },
  "better-sqlite3": { module: "better-sqlite3.mjs", runtime: "this" },
  "better-sqlite3-13": { module: "better-sqlite3-13.mjs", runtime: "node24" },
  "node:sqlite": { module: "node-sqlite.mjs", runtime: "node24", isInstalled: true },
  "bun:sqlite": { module: "bun-sqlite.mjs", runtime: "bun", isInstalled: true },
  turso: { module: "turso.mjs", runtime: "this" },
  sqlite3: { module: "sqlite3.mjs", runtime: "this" },
};

/** Ratios are to this one; where it is not measured, to the first contender. */
export const BASELINE = "better-sqlite3";
