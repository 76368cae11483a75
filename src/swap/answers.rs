//! The records by which a swap reports to JavaScript.

use super::database::request::DatabaseSwapped;
use super::file::FileSwapped;
use super::steps::error::{Problem, Result, Step, SwapError};
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::JobId;
use crate::wire::error_text::bounded;
use crate::wire::kinds::{QuestionKind, RecordKind, SwapErrorFlag, SwappedFlag, flag};
use crate::wire::records::{Records, put_f64, put_str, put_u32};

/// The result of a successful job.
#[derive(Debug)]
pub enum Ended {
    /// A file was swapped, or a single step is done.
    File(FileSwapped),
    /// A database was swapped.
    Database(DatabaseSwapped),
    /// A report, as JSON.
    Report(String),
}

/// The result of a job.
pub fn ended(job: JobId, ended: &Result<Ended>) -> Vec<u8> {
    match ended {
        Ok(Ended::File(swapped)) => file_swapped(job, *swapped),
        Ok(Ended::Database(swapped)) => database_swapped(job, swapped),
        Ok(Ended::Report(json)) => one(job, RecordKind::Report, |bytes| put_str(bytes, json)),
        Err(error) => swap_error(job, error),
    }
}

/// The current step, the number of bytes written, and the total if it is known.
pub fn progress(job: JobId, step: Step, done: u64, total: Option<u64>) -> Vec<u8> {
    one(job, RecordKind::Progress, |bytes| {
        put_str(bytes, step.name());
        put_f64(bytes, number(done));
        put_f64(bytes, total.map_or(-1.0, number));
    })
}

/// Asks for the next piece of the content.
pub fn wanted_piece(job: JobId) -> Vec<u8> {
    wanted_prepare(job, "")
}

/// Asks the caller to prepare the staging file at this path.
pub fn wanted_prepare(job: JobId, staging: &str) -> Vec<u8> {
    one(job, RecordKind::Wanted, |bytes| put_str(bytes, staging))
}

/// Asks the caller to build or verify the new database. `old` is the path of the old one.
pub fn wanted_database(
    job: JobId,
    question: QuestionKind,
    staging: &str,
    old: Option<&str>,
) -> Vec<u8> {
    one(job, RecordKind::WantedDatabase, |bytes| {
        bytes.push(question as u8);
        put_str(bytes, staging);
        put_str(bytes, old.unwrap_or_default());
    })
}

fn file_swapped(job: JobId, swapped: FileSwapped) -> Vec<u8> {
    one(job, RecordKind::Swapped, |bytes| {
        bytes.push(
            flag(SwappedFlag::Committed as u8, swapped.committed)
                | flag(SwappedFlag::Durable as u8, swapped.durable),
        );
        put_f64(bytes, number(swapped.bytes));
    })
}

fn database_swapped(job: JobId, swapped: &DatabaseSwapped) -> Vec<u8> {
    let DatabaseSwapped { mode, durable, bytes: size, backup, opener_came } = swapped;
    one(job, RecordKind::DatabaseSwapped, |bytes| {
        bytes.push(
            SwappedFlag::Committed as u8
                | flag(SwappedFlag::Durable as u8, *durable)
                | flag(SwappedFlag::OpenedMeanwhile as u8, *opener_came),
        );
        put_f64(bytes, number(*size));
        put_str(bytes, mode.name());
        let backup = backup.as_ref().map(|path| path.to_string_lossy());
        put_str(bytes, &backup.unwrap_or_default());
    })
}

fn swap_error(job: JobId, error: &SwapError) -> Vec<u8> {
    let is_aborted = matches!(error.problem, Problem::Cancelled(CancelReason::Aborted));
    one(job, RecordKind::SwapError, |bytes| {
        bytes.push(
            flag(SwapErrorFlag::Committed as u8, error.committed)
                | flag(SwapErrorFlag::Aborted as u8, is_aborted),
        );
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
    })
}

fn one(job: JobId, kind: RecordKind, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut records = Records::new(job);
    records.record(kind, body);
    records.take()
}

#[expect(clippy::cast_precision_loss, reason = "a JavaScript number counts the bytes")]
fn number(count: u64) -> f64 {
    count as f64
}
