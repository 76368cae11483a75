/**
 * The workloads. Each has one function for each kind of peer, `promise` and `sync`, over the common
 * names of the adapters. A call of a sync peer is called plainly; a call of a promise peer is awaited.
 *
 * @typedef {Record<string, number>} Sizes
 *
 * @typedef {object} Place what a round is given
 * @property {import("../peers/index.mjs").Database} db
 * @property {import("../peers/index.mjs").Peer} peer
 * @property {string} path of the database
 * @property {string[]} pragmas of each connection
 * @property {Sizes} sizes
 *
 * @typedef {object} Round
 * @property {Record<string, number>} values one for each metric
 * @property {object} [check] what the round's answers come to, as `expected` says
 * @property {string} [note] what a reader of the values must know
 *
 * @typedef {object} Workload
 * @property {string} id
 * @property {string} title
 * @property {Record<string, string>} metrics their units, by their names; smaller is better
 * @property {string[]} ratios the metrics that are compared with the baseline's
 * @property {Sizes} sizes
 * @property {Sizes} [withDefaults] instead of some of these, where each commit is synced
 * @property {Sizes} tiny for the smoke form
 * @property {number} rounds how many are counted
 * @property {number} warmUp how many come before them
 * @property {"NORMAL" | "FULL"} [synchronous] NORMAL
 * @property {"hold"} [needs] a method that not every database has
 * @property {boolean} [isFresh] each round has a process of its own
 * @property {boolean} [isClosedFirst] the filled database is closed before the first round
 * @property {(place: Place) => unknown} prepare fills the database
 * @property {(place: Place) => unknown} [before] comes before each round
 * @property {(place: Place) => Promise<Round>} promise
 * @property {(place: Place) => Round | Promise<Round>} [sync] left out where the API has no such call
 * @property {(place: Place) => Promise<object>} [after] reads what the round has written: more to check
 * @property {(sizes: Sizes) => object} expected
 */
import { cpuHeavyReads } from "./11-cpu-heavy-reads.mjs";
import { pointSelect } from "./1-point-select.mjs";
import { pointSelectsInFlight } from "./2-point-selects-in-flight.mjs";
import { batchInserts } from "./3-batch-inserts.mjs";
import { autocommitInsert } from "./4-autocommit-insert.mjs";
import { transactionInsert } from "./4b-transaction-insert.mjs";
import { scan } from "./5-scan.mjs";
import { textsAndBlobs } from "./6-texts-and-blobs.mjs";
import { openQueryClose } from "./7-open-query-close.mjs";
import { mixedCallers } from "./8-mixed-callers.mjs";
import { readsDuringQuery } from "./9-reads-during-query.mjs";
import { scanMemory } from "./10-scan-memory.mjs";
import { eventLoopGaps } from "./12-event-loop-gaps.mjs";
import { writersAtOnce } from "./13-writers-at-once.mjs";
import { longestCommit } from "./14-longest-commit.mjs";
import { readsBesideBlockedWrite } from "./15-reads-beside-blocked-write.mjs";

/** @type {Workload[]} */
export const WORKLOADS = [
  pointSelect,
  pointSelectsInFlight,
  batchInserts,
  autocommitInsert,
  transactionInsert,
  scan,
  textsAndBlobs,
  openQueryClose,
  mixedCallers,
  readsDuringQuery,
  scanMemory,
  cpuHeavyReads,
  eventLoopGaps,
  writersAtOnce,
  longestCommit,
  readsBesideBlockedWrite,
];
