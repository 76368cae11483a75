//! The workloads that need no event loop: one function each.

use std::thread;
use std::time::Instant;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::clock::{CallClock, ms, quantile};
use crate::data::{self, HEAVY, INSERT_ENTRY, SELECT_ALL, SELECT_BY_ID, id_of, insert_entry, item};
use crate::{Outcome, Place};

const KNOWN: [&str; 13] = ["1", "2", "3", "4", "4b", "5", "6", "7", "8", "10", "11", "13", "14"];

pub fn is_known(workload: &str) -> bool {
    KNOWN.contains(&workload)
}

pub fn prepare(place: &Place) -> Result<(), Box<dyn std::error::Error>> {
    let (connection, sizes) = (place.connection()?, &place.sizes);
    match place.workload.as_str() {
        "1" | "2" | "5" | "7" | "10" => data::fill_items(connection, sizes.rows)?,
        "3" | "4" | "4b" | "13" | "14" => data::create_entries(connection)?,
        "6" => data::fill_texts_and_blobs(connection, sizes.rows)?,
        "8" => {
            data::fill_items(connection, sizes.rows)?;
            data::create_entries(connection)?;
        }
        "11" => data::fill_side(connection, sizes.side)?,
        _ => {}
    }
    Ok(())
}

pub fn round(place: &Place) -> Outcome {
    match place.workload.as_str() {
        "1" => point_select(place),
        "2" => point_selects(place),
        "3" => batch_inserts(place),
        "4" => autocommit_inserts(place),
        "4b" => transaction_inserts(place),
        "5" => scan(place),
        "6" => texts_and_blobs(place),
        "7" => open_query_close(place),
        "8" => mixed_callers(place),
        "10" => scan_memory(place),
        "11" => cpu_heavy_reads(place),
        "13" => writers(place),
        "14" => longest_commit(place),
        other => Err(format!("no workload {other}").into()),
    }
}

fn answer(values: Value, check: Value) -> Outcome {
    Ok(json!({ "values": values, "check": check }))
}

fn point_select(place: &Place) -> Outcome {
    let mut select = place.connection()?.prepare(SELECT_BY_ID)?;
    let mut sum = 0;
    let mut clock = CallClock::new();
    for i in 0..place.sizes.calls {
        sum += select.query_row([id_of(i, place.sizes.rows)], item)?.n;
        clock.tick();
    }
    answer(json!({ "p50": clock.median() }), json!({ "sum": sum }))
}

fn point_selects(place: &Place) -> Outcome {
    let mut select = place.connection()?.prepare(SELECT_BY_ID)?;
    let sizes = &place.sizes;
    let mut sum = 0;
    let start = Instant::now();
    for _ in 0..sizes.turns {
        for i in 0..sizes.in_flight {
            sum += select.query_row([id_of(i, sizes.rows)], item)?.n;
        }
    }
    let mean = ms(start.elapsed()) * 1_000.0 / (sizes.turns * sizes.in_flight) as f64;
    answer(json!({ "mean": mean }), json!({ "sum": sum }))
}

fn batch_inserts(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    let start = Instant::now();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut insert = connection.prepare(INSERT_ENTRY)?;
    for i in 0..place.sizes.rows {
        insert_entry(&mut insert, i)?;
    }
    connection.execute_batch("COMMIT")?;
    answer(json!({ "time": ms(start.elapsed()) }), data::tally_entries(connection)?)
}

fn autocommit_inserts(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    let p50 = timed_inserts(connection, place.sizes.calls)?;
    answer(json!({ "p50": p50 }), data::tally_entries(connection)?)
}

fn transaction_inserts(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let p50 = timed_inserts(connection, place.sizes.calls)?;
    connection.execute_batch("COMMIT")?;
    answer(json!({ "p50": p50 }), data::tally_entries(connection)?)
}

fn timed_inserts(connection: &Connection, calls: i64) -> rusqlite::Result<f64> {
    let mut insert = connection.prepare(INSERT_ENTRY)?;
    let mut clock = CallClock::new();
    for i in 0..calls {
        insert_entry(&mut insert, i)?;
        clock.tick();
    }
    Ok(clock.median())
}

/// There is no event loop that could be held: the gap is 0.
fn scan(place: &Place) -> Outcome {
    let start = Instant::now();
    let check = scan_once(place.connection()?)?;
    answer(json!({ "time": ms(start.elapsed()), "gap": 0 }), check)
}

fn scan_once(connection: &Connection) -> Result<Value, Box<dyn std::error::Error>> {
    let mut select = connection.prepare(SELECT_ALL)?;
    let rows = select.query_map([], item)?.collect::<Result<Vec<_>, _>>()?;
    let sum: i64 = rows.iter().map(|row| row.n).sum();
    let letters: usize = rows.iter().map(|row| row.note.len()).sum();
    Ok(json!({ "count": rows.len(), "sum": sum, "letters": letters }))
}

fn texts_and_blobs(place: &Place) -> Outcome {
    let connection = place.connection()?;
    let mut texts = connection.prepare("SELECT * FROM text")?;
    let mut blobs = connection.prepare("SELECT * FROM blob")?;
    let start = Instant::now();
    let letters: usize = texts
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .map(|(_, text)| text.len())
        .sum();
    let middle = Instant::now();
    let all = blobs
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = all.iter().map(|(_, blob)| blob.len()).sum();
    let last: i64 =
        all.iter().filter_map(|(_, blob)| blob.last()).map(|&byte| i64::from(byte)).sum();
    answer(
        json!({ "texts": ms(middle - start), "blobs": ms(middle.elapsed()) }),
        json!({ "letters": letters, "bytes": bytes, "last": last }),
    )
}

fn open_query_close(place: &Place) -> Outcome {
    let mut took = Vec::new();
    let mut sum = 0;
    for id in 1..=place.sizes.times {
        let start = Instant::now();
        let connection = data::open(&place.path, &[])?;
        sum += connection.prepare(SELECT_BY_ID)?.query_row([id], item)?.n;
        connection.close().map_err(|(_, error)| error)?;
        took.push(ms(start.elapsed()));
    }
    answer(json!({ "p50": quantile(took, 0.5) * 1_000.0 }), json!({ "sum": sum }))
}

/// One caller after the other, as with a sync peer.
fn mixed_callers(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    let mut select = connection.prepare(SELECT_BY_ID)?;
    let mut insert = connection.prepare(INSERT_ENTRY)?;
    let sizes = &place.sizes;
    let (mut latencies, mut reads, mut written) = (Vec::new(), 0, 0);
    let begin = Instant::now();
    for i in 0..sizes.calls {
        for _ in 0..sizes.callers {
            let start = Instant::now();
            if i % 10 == 9 {
                insert_entry(&mut insert, written)?;
                written += 1;
            } else {
                reads += select.query_row([id_of(i, sizes.rows)], item)?.n;
            }
            latencies.push(ms(start.elapsed()));
        }
    }
    let mean = ms(begin.elapsed()) * 1_000.0 / latencies.len() as f64;
    let mut check = data::tally_entries(connection)?;
    check["reads"] = json!(reads);
    answer(json!({ "mean": mean, "p99": quantile(latencies, 0.99) }), check)
}

fn scan_memory(place: &Place) -> Outcome {
    let mut check = Value::Null;
    for _ in 0..place.sizes.scans {
        check = scan_once(place.connection()?)?;
    }
    // proc_pid_status(5): the peak of the resident set.
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        })
        .ok_or("this system does not tell the peak of a process's memory")?;
    answer(json!({ "peak": peak / 1_024.0 }), check)
}

/// Two threads with a connection each.
fn cpu_heavy_reads(place: &Place) -> Outcome {
    let connections =
        [data::open(&place.path, &place.pragmas)?, data::open(&place.path, &place.pragmas)?];
    let times = place.sizes.times;
    let start = Instant::now();
    heavy(&connections[0], times)?;
    let middle = Instant::now();
    let answers = thread::scope(|scope| {
        let threads = connections.map(|connection| scope.spawn(move || heavy(&connection, times)));
        threads.map(|thread| thread.join().unwrap_or(Err(rusqlite::Error::InvalidQuery)))
    });
    let both = ms(middle.elapsed());
    let [first, second] = answers;
    let (first, second) = (first?, second?);
    let alone = ms(middle - start);
    answer(
        json!({ "factor": both / alone, "alone": alone }),
        json!({ "count": first.0, "sum": first.1, "areSame": first == second }),
    )
}

fn heavy(connection: &Connection, times: i64) -> rusqlite::Result<(i64, i64)> {
    connection.prepare(HEAVY)?.query_row([times], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// One after the other on one connection, as with a sync peer.
fn writers(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    let mut insert = connection.prepare(INSERT_ENTRY)?;
    let writes = place.sizes.writers * place.sizes.calls;
    let start = Instant::now();
    for i in 0..writes {
        insert_entry(&mut insert, i)?;
    }
    let mean = ms(start.elapsed()) * 1_000.0 / writes as f64;
    answer(json!({ "mean": mean }), data::tally_entries(connection)?)
}

fn longest_commit(place: &Place) -> Outcome {
    let connection = emptied(place)?;
    let mut insert = connection.prepare(INSERT_ENTRY)?;
    let begin = Instant::now();
    let (mut last, mut longest) = (begin, 0.0_f64);
    for i in 0..place.sizes.calls {
        insert_entry(&mut insert, i)?;
        let now = Instant::now();
        longest = longest.max(ms(now - last));
        last = now;
    }
    let mean = ms(last - begin) * 1_000.0 / place.sizes.calls as f64;
    answer(json!({ "longest": longest, "mean": mean }), data::tally_entries(connection)?)
}

fn emptied(place: &Place) -> Result<&Connection, Box<dyn std::error::Error>> {
    let connection = place.connection()?;
    connection.execute_batch("DELETE FROM entry")?;
    Ok(connection)
}
