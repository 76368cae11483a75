//! Functions of one JavaScript environment: attaching, fetching answers, shutting down.

use napi::bindgen_prelude::{ArrayBuffer, Env, Function, Result};
use napi_derive::napi;

use super::arguments::milliseconds;
use crate::environment::{Environment, attachments};
use crate::jobs::ids::JobId;

/// The version of latchdb that this binary belongs to. The loader rejects a binary of another version.
#[napi]
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Attaches the calling copy of our JavaScript to its environment. `on_ready` is called when
/// `takeResults` has answers to return. `thread` is the thread's number in JavaScript. Returns the
/// number of the attachment, which the other functions take as `attachment`.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn attach(env: Env, on_ready: Function<'_, (), ()>, thread: u32) -> Result<u32> {
    attachments::attach(env, &on_ready, thread)
}

/// Removes an attachment that has nothing open and waits for nothing. Returns false, and keeps the
/// attachment, if it is in use.
#[napi]
pub fn detach(env: Env, attachment: u32) -> Result<bool> {
    attachments::detach(env, attachment)
}

/// Closes every database of an attachment, when the main thread ends. Returns the closing records of
/// each database; the database's number stands in place of a job's.
#[napi]
pub fn close_all(env: &Env, attachment: u32) -> Result<ArrayBuffer<'_>> {
    let records = attachments::with(*env, attachment, Environment::close_all)?;
    ArrayBuffer::copy_from(env, records.unwrap_or_default())
}

/// Asks all other environments of a thread to shut down their clients. Each of them answers `job`.
/// `timeout` is in milliseconds. Returns the number of environments that were asked.
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

/// Answers a shutdown request of another environment. `request` is the number in the request's record.
#[napi]
pub fn acknowledge_shutdown(env: Env, attachment: u32, request: u32, report: String) -> Result<()> {
    attachments::with(env, attachment, |environment| environment.acknowledge(request, report))?;
    Ok(())
}

/// Returns the next records of answers, or null if there are none.
#[napi]
pub fn take_results(env: &Env, attachment: u32) -> Result<Option<ArrayBuffer<'_>>> {
    let records = attachments::with(*env, attachment, |environment| environment.fetch(*env))?;
    records.flatten().map(|records| ArrayBuffer::copy_from(env, records)).transpose()
}
