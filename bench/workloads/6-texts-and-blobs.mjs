const TEXT = 1_024;
const BLOB = 4_096;

/** @type {import("./index.mjs").Workload} */
export const textsAndBlobs = {
  id: "6",
  title: "10,000 texts of 1 KiB; 10,000 blobs of 4 KiB",
  metrics: { texts: "ms", blobs: "ms" },
  ratios: ["texts", "blobs"],
  sizes: { rows: 10_000 },
  tiny: { rows: 30 },
  rounds: 11,
  warmUp: 2,

  async prepare({ db, sizes: { rows } }) {
    await db.exec(
      "CREATE TABLE text (id INTEGER PRIMARY KEY, value TEXT);" +
        "CREATE TABLE blob (id INTEGER PRIMARY KEY, value BLOB)",
    );
    const ids = Array.from({ length: rows }, (_, i) => i + 1);
    await db.batch(
      "INSERT INTO text VALUES (?, ?)",
      ids.map((id) => [id, `${id} `.padEnd(TEXT, "text ")]),
    );
    await db.batch(
      "INSERT INTO blob VALUES (?, ?)",
      ids.map((id) => [id, Buffer.alloc(BLOB, id % 256)]),
    );
  },

  async promise({ db }) {
    const [texts, blobs] = [
      await db.prepare("SELECT * FROM text"),
      await db.prepare("SELECT * FROM blob"),
    ];
    const start = performance.now();
    const letters = lettersIn(db.rows(await texts.all()));
    const middle = performance.now();
    const bytes = bytesIn(db.rows(await blobs.all()));
    return result(start, middle, performance.now(), { letters, ...bytes });
  },

  sync({ db }) {
    const [texts, blobs] = [db.prepare("SELECT * FROM text"), db.prepare("SELECT * FROM blob")];
    const start = performance.now();
    const letters = lettersIn(texts.all());
    const middle = performance.now();
    const bytes = bytesIn(blobs.all());
    return result(start, middle, performance.now(), { letters, ...bytes });
  },

  expected({ rows }) {
    let last = 0;
    for (let id = 1; id <= rows; id++) last += id % 256;
    return { letters: rows * TEXT, bytes: rows * BLOB, last };
  },
};

function lettersIn(rows) {
  let letters = 0;
  for (const { value } of rows) letters += value.length;
  return letters;
}

/** How many bytes, and the sum of each blob's last one. An ArrayBuffer and a Uint8Array do equally. */
function bytesIn(rows) {
  let bytes = 0;
  let last = 0;
  for (const { value } of rows) {
    bytes += value.byteLength;
    last += (value instanceof ArrayBuffer ? new Uint8Array(value) : value)[BLOB - 1];
  }
  return { bytes, last };
}

function result(start, middle, end, check) {
  return { values: { texts: middle - start, blobs: end - middle }, check };
}
