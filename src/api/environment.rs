//! Functions of one JavaScript environment: attaching, fetching answers, shutting down.

use napi::bindgen_prelude::{ArrayBuffer, Either, Env, Function, Result};
use napi_derive::napi;

use super::arguments::milliseconds;
use super::call_buffer::CallBuffer;
use crate::client::timings;
use crate::environment::{Environment, attachments};
use crate::jobs::ids::JobId;
use crate::jobs::panics::{self, Panic};

/// Called when the addon is loaded.
#[cfg(not(test))]
#[napi_derive::module_init]
fn load() {
    panics::install_hook();
}

/// The version of latchdb that this binary belongs to. The loader rejects a binary of another version.
#[napi(catch_unwind)]
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Attaches the calling copy of our JavaScript to its environment. `on_ready` is called when
/// `takeResults` has answers to return. `thread` is the thread's number in JavaScript. Returns the
/// number of the attachment, which the other functions take as `attachment`.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn attach(env: Env, on_ready: Function<'_, (), ()>, thread: u32) -> Result<u32> {
    attachments::attach(env, &on_ready, thread)
}

/// Removes an attachment that has nothing open and waits for nothing. Returns false, and keeps the
/// attachment, if it is in use.
#[napi(catch_unwind)]
pub fn detach(env: Env, attachment: u32) -> Result<bool> {
    attachments::detach(env, attachment)
}

/// Closes every database of an attachment, when the main thread ends. Returns the closing records of
/// each database; the database's number stands in place of a job's.
#[napi(catch_unwind)]
pub fn close_all(env: &Env, attachment: u32) -> Result<ArrayBuffer<'_>> {
    let records = attachments::with(*env, attachment, Environment::close_all)?;
    ArrayBuffer::copy_from(env, records.unwrap_or_default())
}

/// Asks all other environments of a thread to shut down their clients. Each of them answers `job`.
/// `timeout` is in milliseconds. Returns the number of environments that were asked.
#[napi(catch_unwind)]
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
#[napi(catch_unwind)]
pub fn acknowledge_shutdown(env: Env, attachment: u32, request: u32, report: String) -> Result<()> {
    attachments::with(env, attachment, |environment| environment.acknowledge(request, report))?;
    Ok(())
}

/// From now on, the answers of all calls of the process tell where and how long the calls have run.
#[napi]
pub fn trace_calls() {
    timings::tell();
}

/// What is known of a panic, which is a defect of latchdb.
#[napi(object)]
pub struct PanicReport {
    /// The text of the panic.
    pub message: String,
    /// The place in latchdb's source.
    pub location: String,
    /// The name of the thread. Empty if it has none.
    pub thread: String,
}

/// Takes the panics of the calling thread. To be called when a function of the addon has thrown.
#[napi]
#[must_use]
pub fn take_panics() -> Vec<PanicReport> {
    let report = |Panic { message, location, thread }| PanicReport { message, location, thread };
    panics::take().into_iter().map(report).collect()
}

/// Writes the next records of answers into `buffer`. Returns their length, which is 0 if there are none. Records
/// that do not fit into the buffer are returned instead.
#[napi(catch_unwind)]
pub fn take_results<'env>(
    env: &'env Env,
    attachment: u32,
    #[napi(ts_arg_type = "Uint8Array")] buffer: CallBuffer,
) -> Result<Either<u32, ArrayBuffer<'env>>> {
    // SAFETY: the bytes are JavaScript's, on whose thread we are. No JavaScript runs before this function
    // returns, so nobody else reads or writes them, and the buffer is not detached meanwhile.
    let buffer = unsafe { buffer.into_slice() };
    let fetched =
        attachments::with(*env, attachment, |environment| environment.fetch(*env, buffer.len()))?;
    let letters = fetched.flatten().unwrap_or_default();
    let length = letters.iter().map(Vec::len).sum();
    let Some(mut rest) = buffer.get_mut(..length) else {
        return ArrayBuffer::copy_from(env, letters.concat()).map(Either::B);
    };
    for letter in &letters {
        let (space, after) = rest.split_at_mut(letter.len());
        space.copy_from_slice(letter);
        rest = after;
    }
    Ok(Either::A(u32::try_from(length).unwrap_or(u32::MAX)))
}
