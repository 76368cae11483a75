/**
 * The parts of hrana-client that latchdb uses: its streams, below the methods that make rows.
 *
 * Those methods make two property descriptors for each value of a row. Ours makes the rows that local
 * clients make, in a tenth of the time, and lets the event loop run in between. So the results are taken as
 * the protocol has them: from methods that hrana-client declares, and marks as private. package.json allows
 * patch releases of one version only, and `__test__/remote/protocol.spec.mts` looks at what is used.
 */
import type * as hrana from "@libsql/hrana-client";
import type { OPTIONS, StatementOptions } from "../client/statement-options";

/** A statement, and what it says of its rows, which is not sent. */
export type WireStatement = Parameters<hrana.Stream["_execute"]>[0] & {
  [OPTIONS]?: StatementOptions;
};
export type WireBatch = Parameters<hrana.Stream["_batch"]>[0];
export type WireStep = Omit<WireBatch["steps"][number], "stmt"> & { stmt: WireStatement };
export type WireCondition = NonNullable<WireStep["condition"]>;
export type WireResult = Awaited<ReturnType<hrana.Stream["_execute"]>>;
export type WireBatchResult = Awaited<ReturnType<hrana.Stream["_batch"]>>;
export type WireDescription = Awaited<ReturnType<hrana.Stream["_describe"]>>;
export type WireCursor = Awaited<ReturnType<hrana.Stream["_openCursor"]>>;
export type WireEntry = NonNullable<Awaited<ReturnType<WireCursor["next"]>>>;
export type WireColumns = WireResult["cols"];
export type WireValue = WireStatement["args"][number];
export type WireError = NonNullable<ReturnType<WireBatchResult["stepErrors"]["get"]>>;

/** The protocol's version from which on a batch can ask whether a transaction is open. */
export const ASKS_FOR_TRANSACTION = 3;

/** The protocol's version from which on the rows of a statement can be read one after another. */
export const HAS_CURSORS = 3;

/** What latchdb calls on a stream of hrana-client, which is one connection to the database. */
export type RawStream = Pick<
  hrana.Stream,
  | "_execute"
  | "_batch"
  | "_sequence"
  | "_describe"
  | "_openCursor"
  | "close"
  | "closeGracefully"
  | "closed"
>;
