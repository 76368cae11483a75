//! Conversions of the numbers that JavaScript passes.

use std::time::Duration;

/// A duration from a number of milliseconds. The result is at most 2^31 - 1 ms (24 days), the longest
/// timeout of SQLite. A negative number or NaN is zero.
pub fn milliseconds(given: f64) -> Duration {
    Duration::try_from_secs_f64(given.min(f64::from(i32::MAX)) / 1e3).unwrap_or_default()
}

/// A number of bytes, rounded down. A negative number or NaN is zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a JavaScript number counts the bytes"
)]
pub fn bytes(number: f64) -> u64 {
    number as u64
}
