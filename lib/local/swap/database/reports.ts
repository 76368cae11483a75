/** Jobs whose result is a report. */
import type { Opener, PathInput, RecoveryReport } from "../../../../types/swap.js";
import { addon } from "../../../addon/addon";
import { errorOf } from "../../../client/failure";
import type { RecordReader } from "../../wire/response";
import { FileJob, type StartFileJob } from "../file-job";
import { pathOf } from "../paths";

/** A vector index, and its table. */
export interface VectorIndex {
  index: string;
  table: string;
}

/** The report of `npx latchdb adopt`. */
export interface AdoptionReport {
  /** The path of the database, with symlinks resolved. */
  target: string;
  /** The copy of the database as it was; null if there was nothing to do. */
  backup: string | null;
  adopted: VectorIndex[];
}

/** The report of `npx latchdb doctor`. */
export interface DoctorReport {
  /** The path as it was passed, and with symlinks resolved. */
  path: string;
  target: string;
  isSymlink: boolean;
  exists: boolean;
  bytes: number;
  /** The number of hard links. */
  links: number;
  openers: Array<Opener & { isSelf: boolean }>;
  /** Whether all processes could be examined. */
  openersComplete: boolean;
  sidecars: Array<{ path: string; bytes: number }>;
  leftovers: Array<{ what: string; path: string; bytes: number }>;
  /** "untrusted": the file of that name is not a lock file of latchdb. */
  lockFile: "none" | "held" | "left" | "untrusted";
  database: null | {
    journalMode: string;
    pageSize: number;
    pageCount: number;
    freelistCount: number;
    encoding: string;
    autoVacuum: number;
    applicationId: number;
    userVersion: number;
    schemaVersion: number;
    walFrames: number;
    /** The errors that `PRAGMA integrity_check` has found. */
    integrity: string[];
    foreignKeys: string[];
    /** The vector indexes that libSQL has made. With one, the integrity is not checked. */
    vectorIndexes: VectorIndex[];
  };
  /** The reason if the database could not be read. */
  problem: string | null;
}

export async function recover(given: PathInput): Promise<RecoveryReport> {
  const target = pathOf(given, "target");
  return await report((attachment, job) => addon.startRecovery(attachment, job, target));
}

export async function adopt(given: PathInput): Promise<AdoptionReport> {
  const target = pathOf(given, "target");
  return await report((attachment, job) => addon.startAdoption(attachment, job, target));
}

export async function examine(given: PathInput): Promise<DoctorReport> {
  const target = pathOf(given, "target");
  return await report((attachment, job) => addon.startDoctor(attachment, job, target));
}

async function report<Report>(start: StartFileJob): Promise<Report> {
  const readEnd = (record: RecordReader): Report => JSON.parse(record.string()) as Report;
  try {
    return await new FileJob(start, { readEnd }).ended;
  } catch (failure) {
    throw errorOf(failure);
  }
}
