/** Plays calls at random on one client after the other, until there are as many as were asked for. */
import { createClient } from "latchdb";
import { spin } from "../support/moments.mjs";
import type { JournalMode } from "../support/queries.mjs";
import { playsAlone } from "./alone.mjs";
import { plays } from "./calls.mjs";
import { Life, verifyFile, type World } from "./life.mjs";

/** A file with more rows is left for a new one. */
const MOST_ROWS = 2000;

/** How a client's life can end: closed, or it goes on with a new opening. */
const ends: ReadonlyArray<(life: Life) => Promise<unknown>> = [
  async ({ client }) => client.close(),
  async ({ client }) => client.close(),
  ({ client }) => client.shutdown(),
  ({ client }) => client.shutdown({ drain: true }),
  (life) => life.client.shutdown({ drain: true, timeoutMs: life.below(5) }),
  async ({ client }) => {
    await client.reconnect();
    client.close();
  },
];

export async function createFile(file: string, mode: JournalMode): Promise<void> {
  const client = createClient({ url: `file:${file}` });
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.execute("create table t (id integer primary key, v integer, b blob)");
  client.close();
}

/** Plays lives on the file of a world, until it is full or `calls` have been made. */
export async function playOn(world: World, calls: number): Promise<void> {
  while (world.counts.calls < calls && world.ledger.size < MOST_ROWS) await live(world, calls);
}

async function live(world: World, calls: number): Promise<void> {
  const life = new Life(world);
  try {
    await life.verifySettings();
    const rounds = life.below(7);
    for (let round = 0; round < rounds && world.counts.calls < calls; round++) {
      await playRound(life);
      await verifyFile(world);
      await life.verifySettings();
    }
    await playLastRound(life);
  } finally {
    life.client.close();
  }
  await verifyFile(world);
}

/** Several calls at the same time, or one that must be alone. */
async function playRound(life: Life): Promise<void> {
  if (life.chance(0.15)) return life.oneOf(playsAlone)(life);
  const width = life.chance(0.4) ? 1 : 2 + life.below(6);
  for (let times = 1 + life.below(4); times > 0; times--) {
    await Promise.all(Array.from({ length: width }, () => life.oneOf(plays)(life)));
  }
}

/** The end comes at some moment of calls that are under way. */
async function playLastRound(life: Life): Promise<void> {
  const end = life.oneOf(ends);
  const isAlone = life.chance(0.15);
  // From the first call on: they are made, and settle, around the end.
  life.isEnding = true;
  const playing = isAlone
    ? [life.oneOf(playsAlone)(life)]
    : Array.from({ length: 1 + life.below(4) }, () => life.oneOf(plays)(life));
  const moment = life.world.random();
  if (moment < 0.3) spin(life.world.random() * 200);
  else if (moment < 0.7) spin(life.world.random() * 8000);
  else if (moment < 0.85) await new Promise(setImmediate);
  else await new Promise((resolve) => setTimeout(resolve, life.below(4)));
  await end(life);
  await Promise.all(playing);
}
