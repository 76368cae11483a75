/** Jobs that end in a report. */
import type { Opener, RecoveryReport } from "../../../types/swap.js";
import { addon } from "../../addon/addon";
import type { RecordReader } from "../../wire/response";
import { FileJob, type StartFileJob } from "../file-job";
import { checkPath } from "../options";

/** What `npx latchdb doctor` shows. */
export interface DoctorReport {
  /** The path as it was given, and with symlinks followed. */
  path: string;
  target: string;
  isSymlink: boolean;
  exists: boolean;
  bytes: number;
  /** How many names the file has. */
  links: number;
  openers: Array<Opener & { isSelf: boolean }>;
  /** Whether all processes could be looked at. */
  openersComplete: boolean;
  sidecars: Array<{ path: string; bytes: number }>;
  leftovers: Array<{ what: string; path: string; bytes: number }>;
  /** "untrusted": what has its name is no lock file of ours. */
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
    /** What `PRAGMA integrity_check` found; empty where it is well. */
    integrity: string[];
    foreignKeys: string[];
  };
  /** Why it could not be read. */
  problem: string | null;
}

export async function recover(target: string): Promise<RecoveryReport> {
  checkPath(target, "target");
  return report((attachment, job) => addon.startRecovery(attachment, job, target));
}

export async function examine(target: string): Promise<DoctorReport> {
  checkPath(target, "target");
  return report((attachment, job) => addon.startDoctor(attachment, job, target));
}

function report<Report>(start: StartFileJob): Promise<Report> {
  const readEnd = (record: RecordReader): Report => JSON.parse(record.string()) as Report;
  return new FileJob(start, { readEnd }).ended;
}
