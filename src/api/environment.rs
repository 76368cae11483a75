//! One JavaScript environment: its beginning, its answers, its end.

use napi::bindgen_prelude::{ArrayBuffer, Env, Function, Result};
use napi_derive::napi;

use super::arguments::milliseconds;
use crate::environment::{Environment, attachments};
use crate::jobs::ids::JobId;

/// The version of latchdb that this binary belongs to: the loader takes only its own.
#[napi]
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Sets up the calling environment. `on_ready` is called when there are answers to fetch with
/// `takeResults`; `thread` is the number of the thread in JavaScript. Returns the number that the
/// other functions call `attachment`.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn attach(env: Env, on_ready: Function<'_, (), ()>, thread: u32) -> Result<u32> {
    attachments::attach(env, &on_ready, thread)
}

/// Lets an attachment go that has nothing open and waits for nothing. Returns whether it was so.
#[napi]
pub fn detach(env: Env, attachment: u32) -> Result<bool> {
    attachments::detach(env, attachment)
}

/// Closes every database of an attachment, at the end of the main thread. Answers the records of each
/// under its number.
#[napi]
pub fn close_all(env: &Env, attachment: u32) -> Result<ArrayBuffer<'_>> {
    let records = attachments::with(*env, attachment, Environment::close_all)?;
    ArrayBuffer::copy_from(env, records.unwrap_or_default())
}

/// Asks all other environments of a thread to shut their clients down; each answers `job`. Returns
/// how many there are.
#[napi]
pub fn ask_to_shut_down(
    env: Env,
    attachment: u32,
    thread: u32,
    job: u32,
    drain: bool,
    timeout: f64,
) -> Result<u32> {
    let asked = attachments::with(env, attachment, |environment| {
        environment.ask_to_shut_down(env, thread, JobId(job), drain, milliseconds(timeout))
    })?;
    Ok(asked.unwrap_or(0))
}

/// Answers such a request of another environment.
#[napi]
pub fn acknowledge_shutdown(env: Env, attachment: u32, request: u32, report: String) -> Result<()> {
    attachments::with(env, attachment, |environment| environment.acknowledge(request, report))?;
    Ok(())
}

/// The next answers, or null.
#[napi]
pub fn take_results(env: &Env, attachment: u32) -> Result<Option<ArrayBuffer<'_>>> {
    let records = attachments::with(*env, attachment, |environment| environment.fetch(*env))?;
    records.flatten().map(|records| ArrayBuffer::copy_from(env, records)).transpose()
}
