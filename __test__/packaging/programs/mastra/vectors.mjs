// Every method of Mastra's LibSQLVector, on a file: `vectors.mjs FILE [exact]`. libSQL's index misses
// rows, other ones in each run. With `exact` there is no index while a query runs: then Mastra compares
// all rows itself.
import { createClient } from "@libsql/client";
import { LibSQLVector } from "@mastra/libsql";
import { print, printOpen, range } from "../frameworks/print.mjs";
import { rounded, vector } from "../frameworks/vectors.mjs";

const [file, exact] = process.argv.slice(2);
const url = `file:${file}`;
const indexName = "items";
const DIMENSION = 8;
const ROWS = 40;

let vectors = new LibSQLVector({ id: "vectors", url, maxRetries: 1 });
const at = (seed) => vector(seed, DIMENSION);
const ids = (from, count) => range(count).map((i) => `id${from + i}`);
const metadata = (i) => ({
  n: i,
  kind: i % 3 === 0 ? "third" : "other",
  tags: [`t${i % 4}`, "all"],
  deep: { even: i % 2 === 0, name: `ünïcode ${i}` },
  ...(i % 5 === 0 ? { fifth: null } : {}),
});

/** Prints what a call returns; of an error, what a program reads of it. */
async function step(name, action) {
  print(name, await action().then(rounded, describe));
}

const query = (seed, more) => async () => {
  const search = { indexName, queryVector: at(seed), topK: 5, ...more };
  if (exact === undefined) return vectors.query(search);
  const client = createClient({ url });
  const table = search.indexName;
  const { rows } = await client.execute({
    sql: "SELECT sql FROM sqlite_schema WHERE name = ?",
    args: [`${table}_vector_idx`],
  });
  await client.execute(`DROP INDEX IF EXISTS ${table}_vector_idx`);
  try {
    return await vectors.query(search);
  } finally {
    if (rows[0] !== undefined) await client.execute(rows[0].sql);
    client.close();
  }
};
const all = (more) => query(100, { topK: 100, ...more });

await step("made", () =>
  vectors.createIndex({ indexName, dimension: DIMENSION, metric: "cosine" }),
);
await step("made again", () => vectors.createIndex({ indexName, dimension: DIMENSION }));
await step("made with no dimension", () => vectors.createIndex({ indexName: "bad", dimension: 0 }));
await step("of an empty index", query(1));
await step("upserted", () =>
  vectors.upsert({
    indexName,
    vectors: range(ROWS).map(at),
    metadata: range(ROWS).map(metadata),
    ids: ids(0, ROWS),
  }),
);
await step("upserted again", () =>
  vectors.upsert({
    indexName,
    vectors: [at(1001), at(1002), at(1003)],
    metadata: [{ n: 1001 }, { n: 1002 }, {}],
    ids: ["id1", "id2", "new"],
  }),
);
await step("upserted without ids", async () => {
  const made = await vectors.upsert({ indexName, vectors: [at(1004)] });
  await vectors.deleteVectors({ indexName, ids: made });
  return made.map((id) => /^[\da-f-]{36}$/.test(id));
});
await step("another dimension", () =>
  vectors.upsert({ indexName, vectors: [at(1), [1, 2]], ids: ["short", "short2"] }),
);
await step("described", () => vectors.describeIndex({ indexName }));
await step("no such index described", () => vectors.describeIndex({ indexName: "none" }));
await step("listed", () => vectors.listIndexes());

for (const seed of [0, 7, 100, 1001]) await step(`nearest to ${seed}`, query(seed));
await step("with vectors", query(3, { topK: 2, includeVector: true }));
await step("with a least score", query(3, { minScore: 0.5 }));
await step("more than there are", all());
await step("another dimension queried", query(1, { queryVector: [1, 2, 3] }));
await step("no numbers queried", query(1, { queryVector: [1, Number.NaN] }));
for (const [name, filter] of Object.entries({
  equal: { kind: "third" },
  compared: { n: { $gte: 10, $lt: 20 } },
  in: { n: { $in: [3, 5, 999] } },
  "not in": { n: { $nin: range(38) } },
  and: { $and: [{ kind: "other" }, { n: { $gt: 30 } }] },
  or: { $or: [{ n: 1 }, { "deep.even": true, n: { $lt: 7 } }] },
  not: { $not: { kind: "other" } },
  nor: { $nor: [{ kind: "other" }, { n: { $lt: 20 } }] },
  exists: { fifth: { $exists: true } },
  contains: { tags: { $contains: "t2" } },
  "all of": { tags: { $all: ["t1", "all"] } },
  size: { tags: { $size: 2 } },
  nested: { "deep.name": "ünïcode 6" },
  "with a quote": { "deep.name": "it's" },
  nothing: { kind: "none" },
  wrong: { n: { $near: 3 } },
})) {
  await step(`filter ${name}`, all({ filter }));
  await step(`filter ${name}, few`, query(8, { topK: 2, filter }));
}

await step("vector updated", () =>
  vectors.updateVector({ indexName, id: "id4", update: { vector: at(100) } }),
);
await step("metadata updated", () =>
  vectors.updateVector({ indexName, id: "id5", update: { metadata: { n: "five" } } }),
);
await step("both updated by a filter", () =>
  vectors.updateVector({
    indexName,
    filter: { n: { $in: [8, 9] } },
    update: { metadata: { n: 89 } },
  }),
);
await step("updated to another dimension", () =>
  vectors.updateVector({ indexName, id: "id6", update: { vector: [1] } }),
);
await step("nothing to update", () => vectors.updateVector({ indexName, id: "id6", update: {} }));
await step("after updates", all());
await step("deleted", () => vectors.deleteVector({ indexName, id: "id4" }));
await step("deleted by ids", () =>
  vectors.deleteVectors({ indexName, ids: ["id10", "no", "id11"] }),
);
await step("deleted by a filter", () =>
  vectors.deleteVectors({ indexName, filter: { kind: "third", n: { $gt: 20 } } }),
);
await step("deleted without a filter", () => vectors.deleteVectors({ indexName, filter: {} }));
await step("after deletions", all());
await step("described after deletions", () => vectors.describeIndex({ indexName }));

// Two indexes, and another process's view of both: a store that opens the file anew.
await step("second", () => vectors.createIndex({ indexName: "second", dimension: 2 }));
await step("second upserted", () =>
  vectors.upsert({
    indexName: "second",
    vectors: [
      [1, 0],
      [0, 1],
      [-1, 0.5],
    ],
    ids: ["a", "b", "c"],
  }),
);
await vectors.close();
await vectors.close();
vectors = new LibSQLVector({ id: "again", url, maxRetries: 1 });
await step("listed anew", () => vectors.listIndexes());
await step("anew", all());
await step("second anew", () => query(0, { indexName: "second", queryVector: [0.1, 0.9] })());
await step("second dropped", () => vectors.deleteIndex({ indexName: "second" }));
await step("second dropped again", () => vectors.deleteIndex({ indexName: "second" }));
await step("listed without second", () => vectors.listIndexes());
await step("truncated", () => vectors.truncateIndex({ indexName }));
await step("after truncation", all());
await step("described after truncation", () => vectors.describeIndex({ indexName }));
await step("upserted after truncation", () =>
  vectors.upsert({ indexName, vectors: range(10).map(at), ids: ids(0, 10) }),
);
await step("found after truncation", all());
await step("dropped", () => vectors.deleteIndex({ indexName }));
await step("of a dropped index", query(1));
await step("made after it was dropped", () => vectors.createIndex({ indexName, dimension: 3 }));
await step("described after that", () => vectors.describeIndex({ indexName }));
await vectors.close();
printOpen("after close", file);

// In memory, where Mastra does not use the index.
const memory = new LibSQLVector({ id: "memory", url: ":memory:" });
await memory.createIndex({ indexName, dimension: DIMENSION });
await memory.upsert({ indexName, vectors: range(ROWS).map(at), ids: ids(0, ROWS) });
await step("in memory", () => memory.query({ indexName, queryVector: at(7), topK: 5 }));
await memory.close();

function describe(error) {
  let inner = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return [error.id, error.message, inner.code, inner.message];
}
