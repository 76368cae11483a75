//! Writing what a swap tells JavaScript.

use super::response::{Records, put_str};
use crate::swap::Swapped;
use crate::swap::error::{CancelReason, Problem, Step, SwapError};

const PROGRESS: u8 = 11;
const WANTED: u8 = 12;
const SWAPPED: u8 = 13;
const SWAP_ERROR: u8 = 14;

/// What a swap waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The next piece of the content.
    Piece,
    /// The caller's own step with the staging file at this path.
    Prepare(&'a str),
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

    /// The end of a swap that failed.
    pub fn swap_error(&mut self, error: &SwapError) {
        let is_aborted = matches!(error.problem, Problem::Cancelled(CancelReason::Aborted));
        self.record(SWAP_ERROR, |bytes| {
            bytes.push(u8::from(error.committed) | u8::from(is_aborted) << 1);
            put_str(bytes, error.code());
            put_str(bytes, error.step.name());
            put_str(bytes, &error.path.to_string_lossy());
            put_str(bytes, &error.errno().unwrap_or_default());
            put_str(bytes, &error.to_string());
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
