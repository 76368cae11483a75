//! Numbers and paths as JavaScript gives them.

use std::time::Duration;

/// A time in milliseconds; one that is longer than SQLite's longest (24 days) is that.
pub fn milliseconds(given: f64) -> Duration {
    Duration::try_from_secs_f64(given.min(f64::from(i32::MAX)) / 1e3).unwrap_or_default()
}

/// A number of bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a JavaScript number counts the bytes"
)]
pub fn bytes(number: f64) -> u64 {
    number as u64
}
