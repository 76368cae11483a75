//! Turns a panic of a job into an error of that job only.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `job`.
///
/// # Errors
/// The text of the panic, if `job` panicked.
pub fn catch<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|panic| {
        panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a text".to_owned())
    })
}
