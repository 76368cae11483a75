/**
 * The scripts of `differential/` on both clients, each on a server of its own. What differs beyond the rows of
 * COMPAT.md fails. It takes long: `npm run test:remote` runs it.
 */
import { createRequire } from "node:module";
import { inspect, isDeepStrictEqual } from "node:util";
import test from "ava";
import { createClient, type Client, type Config } from "latchdb";
import { cases } from "../differential/cases.mjs";
import { play } from "../differential/player.mjs";
import type { Observation, Step } from "../differential/script.mjs";
import { hasServer, protocols, TestServer } from "../support/sqld.mjs";
import { ROW_PARTS, rowOf } from "./known-differences.mjs";

const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;
const require = createRequire(import.meta.url);

type CreateClient = (config: Config) => Client;

for (const protocol of protocols) {
  test.serial(
    `${protocol}: both clients answer the same, except what COMPAT.md says`,
    async (t) => {
      if (!hasServer(t)) return;
      if (!isLong) {
        t.log("Skipped: takes a minute; npm run test:remote runs it");
        return t.pass();
      }
      t.timeout(600_000);
      const stock = (require(`@libsql/client/${protocol}`) as { createClient: CreateClient })
        .createClient;
      const servers = [await TestServer.start(), await TestServer.start()] as const;
      t.teardown(() => Promise.all(servers.map((server) => server.remove())));
      const surprises: string[] = [];
      for (const { title, steps, database = "file", config = {} } of cases) {
        await Promise.all(servers.map(empty));
        const playOn = (make: CreateClient, server: TestServer): ReturnType<typeof play> => {
          const script = { database, config, steps };
          return play((given) => make({ ...given, url: server.url(protocol) }), script, "/nowhere");
        };
        const [theirs, ours] = await Promise.all([
          playOn(stock, servers[0]),
          playOn(createClient, servers[1]),
        ]);
        for (const [index, step] of steps.entries()) {
          const [stocks, own] = [theirs[index], ours[index]];
          const difference = differenceOf(step, stocks, own);
          if (difference !== undefined) surprises.push(`${title}, step ${index}: ${difference}`);
          // Where one of them has refused it, the later steps meet different data.
          if (difference !== undefined || codeOf(stocks) !== codeOf(own)) break;
          if (step.call === "together" && !isDeepStrictEqual(stocks, own)) break;
        }
      }
      t.deepEqual(surprises, []);
    },
  );
}

function differenceOf(step: Step, theirs: unknown, ours: unknown): string | undefined {
  const left = leaves(withoutRowParts(theirs), withoutRowParts(ours), "").filter(
    (leaf) => rowOf(leaf.path, leaf.theirs, leaf.ours) === undefined,
  );
  // A call that one of them refuses has no result with it, and its transaction goes on or not.
  const parts = left.filter(({ path }) => !/\.(outcome\.value|closed\.transaction \d)$/.test(path));
  if (parts.length === 0) return undefined;
  const shown = parts
    .slice(0, 5)
    .map((leaf) => `${leaf.path}: ${show(leaf.theirs)} | ${show(leaf.ours)}`);
  return `${show(step)}\n  ${shown.join("\n  ")}`;
}

/** The code or the class of its error; undefined if the call has succeeded. */
function codeOf(observation: Observation | undefined): unknown {
  if (observation === undefined || !("error" in observation.outcome)) return undefined;
  const { error } = observation.outcome;
  return error.code ?? error.class;
}

function withoutRowParts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRowParts);
  if (!isTree(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !ROW_PARTS.has(name));
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutRowParts(inner)]));
}

interface Leaf {
  path: string;
  theirs: unknown;
  ours: unknown;
}

/** Where two answers differ. An error is one leaf, and so is a row. */
function leaves(theirs: unknown, ours: unknown, path: string): Leaf[] {
  if (isDeepStrictEqual(theirs, ours)) return [];
  if (!isTree(theirs) || !isTree(ours) || /\.(error|rows\.\d+)$/.test(path)) {
    return [{ path, theirs, ours }];
  }
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  return [...names].flatMap((name) => leaves(theirs[name], ours[name], `${path}.${name}`));
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof ArrayBuffer);
}

async function empty(server: TestServer): Promise<void> {
  const client = createClient({ url: server.url("http") });
  const { rows } = await client.execute(
    "select type, name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'",
  );
  await client.migrate(rows.map((row) => `drop ${String(row["type"])} "${String(row["name"])}"`));
  client.close();
}

function show(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Infinity, maxStringLength: 150 });
}
