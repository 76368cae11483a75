//! The limit of what a peer can reach: the workloads of `npm run bench` on the same SQLite, without
//! JavaScript. Takes the orders that bench/worker.mjs describes.

mod clock;
mod data;
mod workloads;

use std::error::Error;
use std::io::{BufRead, Write};

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

/// What an order comes to, or why it could not be done.
type Outcome = Result<Value, Box<dyn Error>>;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Order {
    #[serde(rename_all = "camelCase")]
    Open {
        path: String,
        pragmas: Vec<String>,
        workload: Option<String>,
        sizes: data::Sizes,
        #[serde(default)]
        is_filled: bool,
    },
    Round,
    Close,
}

/// An opened database, and the workload that it is for.
pub struct Place {
    connection: Option<Connection>,
    path: String,
    pragmas: Vec<String>,
    workload: String,
    sizes: data::Sizes,
}

impl Place {
    fn connection(&self) -> Result<&Connection, Box<dyn Error>> {
        self.connection.as_ref().ok_or_else(|| "the database is closed".into())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut place = None;
    for line in std::io::stdin().lock().lines() {
        let answer = obey(serde_json::from_str(&line?)?, &mut place)
            .unwrap_or_else(|error| json!({ "error": error.to_string() }));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn obey(order: Order, place: &mut Option<Place>) -> Outcome {
    match order {
        Order::Open { path, pragmas, workload, sizes, is_filled } => {
            let connection = data::open(&path, &pragmas)?;
            let workload = workload.unwrap_or_default();
            let opened = place.insert(Place {
                connection: Some(connection),
                path,
                pragmas,
                workload,
                sizes,
            });
            if !opened.workload.is_empty() && !workloads::is_known(&opened.workload) {
                return Ok(json!({ "isApplicable": false }));
            }
            if !is_filled {
                workloads::prepare(opened)?;
            }
            if opened.workload == "7" {
                opened.connection = None;
            }
            Ok(json!({ "version": "", "sqlite": rusqlite::version() }))
        }
        Order::Round => workloads::round(place.as_ref().ok_or("nothing is open")?),
        Order::Close => {
            *place = None;
            Ok(json!({}))
        }
    }
}
