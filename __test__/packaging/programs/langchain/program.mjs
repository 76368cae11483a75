// Every method of LangChain's libSQL store, on a file: `program.mjs FILE`.
import { LibSQLVectorStore } from "@langchain/community/vectorstores/libsql";
import { Document } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";
import { createClient } from "@libsql/client";
import { print, printOpen, range } from "../frameworks/print.mjs";
import { rounded, vector } from "../frameworks/vectors.mjs";

const [file] = process.argv.slice(2);
const DIMENSION = 6;

/** A text's vector is that of the number in it. */
class Numbers extends Embeddings {
  constructor() {
    super({});
  }
  async embedQuery(text) {
    return vector(Number(/\d+/.exec(text)?.[0] ?? 0), DIMENSION);
  }
  async embedDocuments(texts) {
    return Promise.all(texts.map((text) => this.embedQuery(text)));
  }
}

async function step(name, action) {
  print(name, await action().then(rounded, (error) => [error.name, error.code, error.message]));
}

const db = createClient({ url: `file:${file}` });
// As LangChain's documentation has it.
await db.execute(
  `CREATE TABLE IF NOT EXISTS docs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT, metadata TEXT, vec F32_BLOB(${DIMENSION}))`,
);
// With these options libSQL's index misses no row.
const OPTIONS = "'alpha=1000', 'max_neighbors=300', 'search_l=1000', 'insert_l=1000'";
await db.execute(`CREATE INDEX idx_docs_vec ON docs (libsql_vector_idx(vec, ${OPTIONS}))`);
await db.execute(
  `CREATE TABLE plain (content TEXT, metadata TEXT, embedding F32_BLOB(${DIMENSION}))`,
);
await db.execute(
  "CREATE INDEX idx_plain_embedding ON plain (libsql_vector_idx(embedding, 'metric=l2'))",
);

const embeddings = new Numbers();
const store = new LibSQLVectorStore(embeddings, { db, table: "docs", column: "vec" });
const documents = (from, count) =>
  range(count).map(
    (i) =>
      new Document({
        pageContent: `text ${from + i} – it's ünïcode`,
        metadata: { n: from + i, kind: i % 2 === 0 ? "even" : "odd", nested: { list: [i] } },
      }),
  );
const found = (action) => async () =>
  (await action()).map((item) => (Array.isArray(item) ? [{ ...item[0] }, item[1]] : { ...item }));
const near = (text, k, filter) => found(() => store.similaritySearchWithScore(text, k, filter));

await step("empty", near("1", 3));
// More than one batch.
await step("added", () => store.addDocuments(documents(0, 130)));
await step("vectors added", () =>
  store.addVectors([vector(500, DIMENSION)], [new Document({ pageContent: "x", metadata: {} })]),
);
for (const text of ["5", "129", "500", "777"]) await step(`near ${text}`, near(text, 4));
await step(
  "without scores",
  found(() => store.similaritySearch("33", 2)),
);
await step("more than there are", async () => (await near("1", 1000)()).length);
await step("filter of SQL", near("8", 40, "json_extract(docs.metadata, '$.kind') = 'odd'"));
await step(
  "filter with arguments",
  near("8", 40, {
    sql: "json_extract(docs.metadata, '$.n') > :least",
    args: { least: 100 },
  }),
);
await step("filter of columns", near("8", 40, { kind: { operator: "=", value: "even" } }));
await step(
  "filters of columns",
  near("8", 131, {
    n: { operator: "IN", value: [3, 4, 120, 999] },
    kind: { operator: "!=", value: "none" },
  }),
);
await step("wrong filter", near("8", 4, "nothing = 1"));
await step("no numbers", () =>
  store.similaritySearchVectorWithScore([1, Number.NaN, 2, 3, 4, 5], 3),
);
await step("another dimension", () => store.similaritySearchVectorWithScore([1, 2], 3));
await step("another dimension added", () =>
  store.addVectors(
    [vector(1, DIMENSION), [1, 2]],
    [new Document({ pageContent: "a" }), new Document({ pageContent: "b" })],
  ),
);
await step("deleted", () => store.delete({ ids: ["6", "7", "9999"] }));
await step("nothing to delete", () => store.delete({}));
await step("after deletions", near("5", 4));
await step(
  "retriever",
  found(() => store.asRetriever({ k: 2 }).invoke("44")),
);
await step("from texts", async () => {
  const plain = await LibSQLVectorStore.fromTexts(
    ["1", "2", "3", "4"],
    [{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }],
    embeddings,
    { db, table: "plain" },
  );
  return found(() => plain.similaritySearchWithScore("3", 4))();
});
await step("all deleted", () => store.delete({ deleteAll: true }));
await step("after that", near("5", 4));
await step("added after that", () => store.addDocuments(documents(0, 20)));
await step("found after that", near("5", 20));
db.close();
printOpen("after close", file);
await step("closed", near("5", 4));
