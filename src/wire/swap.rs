//! Writing what a swap tells JavaScript.

use super::error_text::bounded;
use super::response::{Records, put_str, put_u32};
use crate::swap::Swapped;
use crate::swap::database::request::Swapped as DatabaseSwapped;
use crate::swap::error::{CancelReason, Problem, Step, SwapError};

const PROGRESS: u8 = 11;
const WANTED: u8 = 12;
const SWAPPED: u8 = 13;
const SWAP_ERROR: u8 = 14;
const WANTED_DATABASE: u8 = 15;
const DATABASE_SWAPPED: u8 = 16;
const REPORT: u8 = 17;

/// What a swap waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The next piece of the content.
    Piece,
    /// The caller's own step with the staging file at this path.
    Prepare(&'a str),
}

/// What the swap of a database waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Question {
    /// The caller's making of the new database.
    Build = 1,
    /// The caller's look at it.
    Verify = 2,
}

impl Records {
    /// A step under way, and how many bytes are written, of how many where that is known.
    pub fn progress(&mut self, step: Step, done: u64, total: Option<u64>) {
        self.record(PROGRESS, |bytes| {
            put_str(bytes, step.name());
            put_f64(bytes, number(done));
            put_f64(bytes, total.map_or(-1.0, number));
        });
    }

    /// What is waited for.
    pub fn wanted(&mut self, wanted: Wanted<'_>) {
        self.record(WANTED, |bytes| match wanted {
            Wanted::Piece => put_str(bytes, ""),
            Wanted::Prepare(path) => put_str(bytes, path),
        });
    }

    /// The end of a swap.
    pub fn swapped(&mut self, swapped: Swapped) {
        self.record(SWAPPED, |bytes| {
            bytes.push(u8::from(swapped.committed) | u8::from(swapped.durable) << 1);
            put_f64(bytes, number(swapped.bytes));
        });
    }

    /// What is waited for, with the paths of the new and the old database.
    pub fn wanted_database(&mut self, question: Question, staging: &str, old: Option<&str>) {
        self.record(WANTED_DATABASE, |bytes| {
            bytes.push(question as u8);
            put_str(bytes, staging);
            put_str(bytes, old.unwrap_or_default());
        });
    }

    /// The end of the swap of a database.
    pub fn database_swapped(&mut self, swapped: &DatabaseSwapped) {
        let DatabaseSwapped { mode, durable, bytes: size, backup, opener_came } = swapped;
        self.record(DATABASE_SWAPPED, |bytes| {
            bytes.push(1 | u8::from(*durable) << 1 | u8::from(*opener_came) << 2);
            put_f64(bytes, number(*size));
            put_str(bytes, mode.name());
            let backup = backup.as_ref().map(|path| path.to_string_lossy());
            put_str(bytes, &backup.unwrap_or_default());
        });
    }

    /// The end of a job that found something out.
    pub fn report(&mut self, json: &str) {
        self.record(REPORT, |bytes| put_str(bytes, json));
    }

    /// The end of a swap that failed.
    pub fn swap_error(&mut self, error: &SwapError) {
        let is_aborted = matches!(error.problem, Problem::Cancelled(CancelReason::Aborted));
        self.record(SWAP_ERROR, |bytes| {
            bytes.push(u8::from(error.committed) | u8::from(is_aborted) << 1);
            put_str(bytes, error.code());
            put_str(bytes, error.step.name());
            put_str(bytes, &bounded(&error.path.display()));
            put_str(bytes, &error.errno().unwrap_or_default());
            put_str(bytes, &bounded(error));
            let openers = match &error.problem {
                Problem::Database(problem) => problem.openers(),
                _ => &[],
            };
            put_u32(bytes, u32::try_from(openers.len()).unwrap_or(u32::MAX));
            for opener in openers {
                put_u32(bytes, opener.pid);
                put_str(bytes, &bounded(&opener.name));
            }
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a JavaScript number counts the bytes")]
fn number(count: u64) -> f64 {
    count as f64
}

fn put_f64(bytes: &mut Vec<u8>, number: f64) {
    bytes.extend(number.to_le_bytes());
}
