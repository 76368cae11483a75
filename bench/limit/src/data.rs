//! The tables of bench/workloads/data.mjs and heavy.mjs, and their rows as Rust values.

use std::error::Error;

use rusqlite::{Connection, Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

pub const SELECT_BY_ID: &str = "SELECT * FROM item WHERE id = ?";
pub const SELECT_ALL: &str = "SELECT * FROM item";
pub const INSERT_ENTRY: &str = "INSERT INTO entry (name, n, x) VALUES (?, ?, ?)";
pub const HEAVY: &str = "SELECT count(*) AS count, sum((a.id * b.id) % 7) AS sum FROM side a, side b, side c WHERE c.id <= ?";

/// The sizes of a workload; those that it has not are 0.
#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub struct Sizes {
    pub rows: i64,
    pub calls: i64,
    #[serde(rename = "inFlight")]
    pub in_flight: i64,
    pub turns: i64,
    pub times: i64,
    pub callers: i64,
    pub scans: i64,
    pub side: i64,
    pub writers: i64,
}

/// A row of `item`.
pub struct Item {
    pub n: i64,
    pub note: String,
    /// What else a scan makes, and nobody reads.
    _rest: (i64, String, f64, i64),
}

pub fn item(row: &Row) -> rusqlite::Result<Item> {
    let rest = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(5)?);
    Ok(Item { n: row.get(2)?, note: row.get(4)?, _rest: rest })
}

pub fn open(path: &str, pragmas: &[String]) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    for pragma in pragmas {
        connection.execute_batch(pragma)?;
    }
    Ok(connection)
}

/// The id that the i-th point select asks for.
pub fn id_of(i: i64, rows: i64) -> i64 {
    1 + (i * 7_919) % rows
}

pub fn fill_items(connection: &Connection, rows: i64) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, x REAL, note TEXT, at INTEGER);
         BEGIN",
    )?;
    let mut insert = connection.prepare("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?)")?;
    for id in 1..=rows {
        let (name, note) = (format!("name {id}"), format!("the note of row {id}"));
        let at = 1_700_000_000_000_i64 + id - 1;
        insert.execute(params![id, name, (id * 7) % 1_000, id as f64 / 4.0, note, at])?;
    }
    connection.execute_batch("COMMIT")
}

pub fn create_entries(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute_batch("CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, x REAL)")
}

/// Inserts the i-th entry by a statement of INSERT_ENTRY.
pub fn insert_entry(insert: &mut rusqlite::Statement, i: i64) -> rusqlite::Result<usize> {
    insert.execute(params![format!("entry {i}"), i, i as f64 / 3.0])
}

pub fn tally_entries(connection: &Connection) -> Result<Value, Box<dyn Error>> {
    let mut tally = connection.prepare("SELECT count(*), sum(n) FROM entry")?;
    Ok(tally.query_row([], |row| {
        Ok(json!({ "count": row.get::<_, i64>(0)?, "sum": row.get::<_, i64>(1)? }))
    })?)
}

pub fn fill_side(connection: &Connection, side: i64) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TABLE side (id INTEGER PRIMARY KEY); BEGIN")?;
    let mut insert = connection.prepare("INSERT INTO side VALUES (?)")?;
    for id in 1..=side {
        insert.execute([id])?;
    }
    connection.execute_batch("COMMIT")
}

pub fn fill_texts_and_blobs(connection: &Connection, rows: i64) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE text (id INTEGER PRIMARY KEY, value TEXT);
         CREATE TABLE blob (id INTEGER PRIMARY KEY, value BLOB);
         BEGIN",
    )?;
    let mut text = connection.prepare("INSERT INTO text VALUES (?, ?)")?;
    let mut blob = connection.prepare("INSERT INTO blob VALUES (?, ?)")?;
    for id in 1..=rows {
        let mut letters = format!("{id} ");
        letters.extend("text ".chars().cycle().take(1_024 - letters.len()));
        text.execute(params![id, letters])?;
        blob.execute(params![id, vec![(id % 256) as u8; 4_096]])?;
    }
    connection.execute_batch("COMMIT")
}
