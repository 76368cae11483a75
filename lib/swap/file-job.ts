/** One job on files: a number, under which the addon's thread answers. */
import type { SwapStep } from "../../swap.js";
import { closeAtExit } from "../native/at-exit";
import { expect, nextJob, type Answer } from "../native/delivery";
import {
  DATABASE_SWAPPED,
  PROGRESS,
  REPORT,
  SWAPPED,
  WANTED,
  WANTED_DATABASE,
  type RecordReader,
} from "../wire/response";
import { SwapError } from "./errors";

/** How a job ended well. */
export interface Ended {
  committed: boolean;
  durable: boolean;
  bytes: number;
}

/** How the swap of a database ended well. */
export interface DatabaseEnded extends Ended {
  mode: "first" | "link" | "in-place";
  /** Where the old database is. */
  backup: string | undefined;
  /** Somebody opened the old file in the very instant of the rename. */
  openerCame: boolean;
}

/** A process that has a database open; its name is "" where it is not known. */
export interface Opener {
  pid: number;
  name: string;
}

/** What the swap of a database waits for. */
export type Question = "build" | "verify";

/** What its owner does when the thread says something. */
export interface Listener {
  /** The thread waits for the next piece of the content (""), or for `prepare` with this path. */
  wanted?(stagingPath: string): void;
  /** The thread waits for the caller's work on these databases; there may be no old one. */
  wantedDatabase?(question: Question, stagingPath: string, oldPath: string | undefined): void;
  /** It is over, with what it found out. */
  reported?(json: string): void;
  /** It is over: a database was swapped. */
  databaseSwapped?(outcome: DatabaseEnded): void;
  progress?(step: SwapStep, done: number, total: number | undefined): void;
  /** It is over. `aborted`: the error is the end that was asked for. */
  ended(outcome: Ended | SwapError, aborted: boolean): void;
}

/** Begins a job: `start` tells the addon of its number. */
export function startFileJob(start: (job: number) => void, listener: Listener): number {
  closeAtExit();
  const job = nextJob();
  start(job);
  expect(job, new FileJobAnswer(listener));
  return job;
}

class FileJobAnswer implements Answer {
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  take(kind: number, record: RecordReader): boolean {
    switch (kind) {
      case PROGRESS: {
        const step = record.string() as SwapStep;
        const done = record.f64();
        const total = record.f64();
        this.#listener.progress?.(step, done, total < 0 ? undefined : total);
        return false;
      }
      case WANTED:
        this.#listener.wanted?.(record.string());
        return false;
      case WANTED_DATABASE: {
        const question = record.u8() === 1 ? "build" : "verify";
        const stagingPath = record.string();
        this.#listener.wantedDatabase?.(question, stagingPath, record.string() || undefined);
        return false;
      }
      case DATABASE_SWAPPED: {
        const flags = record.u8();
        const bytes = record.f64();
        const mode = record.string() as DatabaseEnded["mode"];
        const backup = record.string() || undefined;
        this.#listener.databaseSwapped?.({
          committed: (flags & 1) !== 0,
          durable: (flags & 2) !== 0,
          openerCame: (flags & 4) !== 0,
          bytes,
          mode,
          backup,
        });
        return true;
      }
      case REPORT:
        this.#listener.reported?.(record.string());
        return true;
      case SWAPPED: {
        const flags = record.u8();
        const bytes = record.f64();
        this.#listener.ended(
          { committed: (flags & 1) !== 0, durable: (flags & 2) !== 0, bytes },
          false,
        );
        return true;
      }
      default: {
        const flags = record.u8();
        const code = record.string();
        const step = record.string() as SwapStep;
        const path = record.string();
        const errno = record.string() || undefined;
        const committed = (flags & 1) !== 0;
        const message = record.string();
        const openers = Array.from({ length: record.u32() }, () => openerOf(record));
        const failure = { code, step, path, errno, committed, openers };
        this.#listener.ended(new SwapError(message, failure), (flags & 2) !== 0);
        return true;
      }
    }
  }

  /** What a listener throws is the caller's own, and nobody's to catch. */
  fail(error: unknown): void {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function openerOf(record: RecordReader): Opener {
  const pid = record.u32();
  return { pid, name: record.string() };
}
