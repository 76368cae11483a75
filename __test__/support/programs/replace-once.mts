/**
 * Says "ready", replaces one database when it is told to, says what came of it and ends. Where it is
 * it tells a trace by marks. Its own clients read the database meanwhile: each answer must be the old
 * one or the new one, and the new one after the end.
 */
import { once } from "node:events";
import { closeSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { createClient, type LocalClient } from "latchdb";
import { swapDatabase, type DatabaseSwapOptions, type DatabaseSwapStep } from "latchdb/swap";
import { MARK } from "../../crash-states/index.mjs";
import { NEW, add, create, describe, rebuild } from "../ledger/ledger.mjs";

export interface ReplaceOrder {
  /**
   * "link": by a client that reads meanwhile; "in-place": beside one; "first": where there is no
   * database; "source": from another one; "naive": what people do who have no swap.
   */
  how: "link" | "in-place" | "first" | "source" | "naive";
  target: string;
  /** How many rows a database has that is made anew. */
  rows: number;
  backup: boolean;
  durability?: "full" | "barrier" | undefined;
  /** The source, and the new database of "naive". */
  source?: string | undefined;
  /**
   * A path elsewhere where the thread that swaps has swapped before: then it has made more calls of each
   * name than the others, and strace, which counts them by thread, finds its calls again.
   */
  warmUp?: string | undefined;
}

const { how, target, rows, backup, source, durability, warmUp } = JSON.parse(
  process.argv[2] ?? "{}",
) as ReplaceOrder;

function mark(name: string): void {
  try {
    openSync(MARK + name, "r");
  } catch {
    // It is nowhere; the trace has it.
  }
}

function resolved(): void {
  mark("resolved");
  console.log("resolved");
}

async function swapElsewhere(file: string): Promise<void> {
  const build = async (staging: LocalClient): Promise<void> => {
    await create(staging, NEW);
    await add(staging, NEW, 1, 5 * rows);
  };
  await swapDatabase(file, { build });
  await swapDatabase(`${file}-copy`, { source: file });
  await swapDatabase(`${file}-copy`, { source: file, backup: true });
}

/** Reads again and again, until it is stopped. */
class Readers {
  readonly #client: LocalClient;
  #isStopped = false;
  #reading: Promise<void> | undefined;

  constructor(client: LocalClient) {
    this.#client = client;
  }

  async start(): Promise<void> {
    await this.#expect("old");
    this.#reading = this.#read();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#reading;
    await this.#expect("new");
  }

  async #read(): Promise<void> {
    let isNew = false;
    while (!this.#isStopped) {
      const found = await describe(this.#client);
      if (found === `new ${rows}`) isNew = true;
      else if (isNew || found !== `old ${rows}`) console.log(`wrong: ${found}`);
    }
  }

  async #expect(version: string): Promise<void> {
    const found = await describe(this.#client);
    if (found !== `${version} ${rows}`) console.log(`wrong: not ${version}, but ${found}`);
  }
}

const ways: DatabaseSwapOptions =
  source !== undefined
    ? { source, backup, durability }
    : {
        backup,
        durability,
        build: async (staging, old) => {
          if (old !== undefined) return rebuild(staging, old);
          await create(staging, NEW);
          await add(staging, NEW, 1, rows);
        },
      };
let step: DatabaseSwapStep | undefined;
const settings: DatabaseSwapOptions = {
  ...ways,
  onProgress(progress) {
    if (progress.step !== step) console.log(`step ${(step = progress.step)}`);
  },
};

console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
if (warmUp !== undefined) await swapElsewhere(warmUp);
mark("begin");
if (how === "naive") {
  if (source === undefined) throw new Error("There is no source");
  renameSync(source, target);
  const directory = openSync(dirname(target), "r");
  fsyncSync(directory);
  closeSync(directory);
  resolved();
} else if (how === "first") {
  await swapDatabase(target, settings);
  resolved();
} else {
  // In place, readers wait while a database that is not in WAL mode is written.
  const client = createClient({ url: `file:${target}`, timeout: 20_000 });
  const readers = new Readers(client);
  await readers.start();
  if (how === "in-place") await swapDatabase(target, { ...settings, inUse: "in-place" });
  else await client.replaceDatabase(settings);
  resolved();
  await readers.stop();
  client.close();
}
console.log("done");
process.stdin.destroy();
