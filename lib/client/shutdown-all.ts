/** Shuts down all clients of this environment, for the environment itself or for its host. */
import { performance } from "node:perf_hooks";
import { threadId } from "node:worker_threads";
import type { FailedClosing, ShutdownAllReport, ShutdownOptions } from "../../index.js";
import { errorOf } from "./failure";
import { openClients } from "./open-clients";
import { parseShutdownOptions } from "./options";

type Options = Required<ShutdownOptions>;

/**
 * Reaches the other copies of latchdb in this process. JavaScript alone cannot: a worker's host may
 * not know that its worker has loaded latchdb.
 */
export interface Peers {
  /**
   * Asks all copies on a thread, this one excepted, to shut their clients down.
   * @returns their reports; undefined for a copy that ended without one
   */
  ask(thread: number, options: Options): Promise<(ShutdownAllReport | undefined)[]>;
  /** Answers the requests of other copies. */
  serve(answer: (options: Options) => Promise<ShutdownAllReport>): void;
}

let peers: Peers | undefined;

/** Connects this copy of latchdb with the others of the process. */
export function connectPeers(connected: Peers): void {
  peers = connected;
  peers.serve(shutDownOpenClients);
}

/** Asks all copies of latchdb on a thread, this one excepted, to shut their clients down. */
export async function askPeers(
  thread: number,
  options: Options,
): Promise<(ShutdownAllReport | undefined)[]> {
  return peers === undefined ? [] : peers.ask(thread, options);
}

/** Closes every client of the environment, including those of other copies of latchdb. */
export async function shutdownAll(options?: ShutdownOptions): Promise<ShutdownAllReport> {
  const began = performance.now();
  const parsed = parseShutdownOptions(options);
  const own = shutDownOpenClients(parsed);
  const others = askPeers(threadId, parsed);
  return combine([await own, ...(await others)], began);
}

/** Combines the reports of several copies of latchdb. */
export function combine(
  reports: readonly (ShutdownAllReport | undefined)[],
  began: number,
): ShutdownAllReport {
  const present = reports.filter((report) => report !== undefined);
  return {
    clients: present.flatMap(({ clients }) => clients),
    failures: present.flatMap(({ failures }) => failures),
    ms: performance.now() - began,
  };
}

async function shutDownOpenClients(options: Options): Promise<ShutdownAllReport> {
  const began = performance.now();
  const failures: FailedClosing[] = [];
  const reports = openClients().map(async (client) => {
    try {
      return await client.shutdown(options);
    } catch (error) {
      const { code, message } = errorOf(error) as { code: string; message: string };
      failures.push({ path: client.path, code, message });
      return undefined;
    }
  });
  const clients = (await Promise.all(reports)).filter((report) => report !== undefined);
  return { clients, failures, ms: performance.now() - began };
}
