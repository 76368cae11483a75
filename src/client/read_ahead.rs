//! Cursors that are in the way of a commit. In a rollback-journal mode a commit waits until nobody reads
//! (<https://sqlite.org/lockingv3.html>), and a cursor reads until its caller has taken its last row, which may be in
//! the middle of a loop that awaits this very commit. So the cursors of a client read on into memory, up to a limit, when
//! one of its commits waits, or a statement that needs the file alone. They read an answer at a time: what their caller asks
//! of them meanwhile comes first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::Error;
use crate::jobs::ids::{JobId, TransactionId};
use crate::sync::{Mutex, lock};
use crate::wire::records::announcements;

/// The most bytes that a cursor reads on.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The transactions that the cursors of a client have of their own, and whether each of them reads on when it is asked to.
#[derive(Default)]
pub struct CursorTransactions(Mutex<Vec<(TransactionId, bool)>>);

impl CursorTransactions {
    /// All of them.
    pub fn all(&self) -> Vec<TransactionId> {
        lock(&self.0).iter().map(|(transaction, _)| *transaction).collect()
    }

    /// Whether one of them reads on: it will not be in the way of a commit for long.
    pub fn any_reads_on(&self) -> bool {
        lock(&self.0).iter().any(|(_, reads_on)| *reads_on)
    }

    /// Adds the transaction of a cursor, which begins.
    pub fn begin(self: &Arc<Self>, transaction: TransactionId) -> CursorTransaction {
        lock(&self.0).push((transaction, true));
        CursorTransaction { all: Arc::clone(self), transaction }
    }
}

/// One of them. It leaves when this is dropped.
pub struct CursorTransaction {
    all: Arc<CursorTransactions>,
    transaction: TransactionId,
}

impl CursorTransaction {
    /// It has read on to its end, or as far as it may.
    pub fn stops_reading_on(&self) {
        for (transaction, reads_on) in &mut *lock(&self.all.0) {
            *reads_on &= *transaction != self.transaction;
        }
    }
}

impl Drop for CursorTransaction {
    fn drop(&mut self) {
        lock(&self.all.0).retain(|(other, _)| *other != self.transaction);
    }
}

/// The rows that a cursor has read on.
#[derive(Default)]
pub struct ReadAhead {
    /// The records of the answers to come.
    parts: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How the cursor has ended, if it has.
    end: Option<Result<(), Error>>,
}

impl ReadAhead {
    /// Whether the cursor has more, and there is room for it.
    pub fn wants_more(&self) -> bool {
        self.bytes < MOST_BYTES && !self.has_ended()
    }

    /// Adds the records of an answer.
    pub fn add(&mut self, part: Vec<u8>) {
        self.bytes += part.len();
        self.parts.push_back(part);
    }

    /// Says how the cursor has ended.
    pub fn end(&mut self, end: Result<(), Error>) {
        self.end = Some(end);
    }

    /// The records of the next answer, for this job. None if the cursor has more, and has to read them now.
    pub fn next(&mut self, job: JobId) -> Option<Result<Vec<u8>, Error>> {
        if let Some(mut part) = self.parts.pop_front() {
            self.bytes -= part.len();
            address(&mut part, job);
            return Some(Ok(part));
        }
        self.end.take().map(|end| end.map(|()| Vec::new()))
    }

    /// What the answers to come would say of shapes, for this job. Nobody asks for the answers any more.
    pub fn announcements(self, job: JobId) -> Vec<u8> {
        let mut left: Vec<u8> = self.parts.iter().flat_map(|part| announcements(part)).collect();
        address(&mut left, job);
        left
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && !matches!(self.end, Some(Err(_)))
    }

    /// Whether the cursor has ended.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }
}

/// Gives records to a job.
fn address(mut records: &mut [u8], job: JobId) {
    while let Some((length, rest)) = records.split_first_chunk_mut::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        if let Some(number) = rest.first_chunk_mut::<4>() {
            *number = job.0.to_le_bytes();
        }
        let length = length.min(rest.len());
        records = rest.split_at_mut(length).1;
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use crate::wire::records::{Outcome, Records};

    #[test]
    fn a_cursor_reads_on_until_it_stops_or_is_closed() {
        let all = Arc::new(CursorTransactions::default());
        let (first, second) = (all.begin(TransactionId(1)), all.begin(TransactionId(2)));
        first.stops_reading_on();
        assert!(all.any_reads_on());
        drop(second);
        assert!(!all.any_reads_on());
        assert_eq!(all.all(), [TransactionId(1)]);
    }

    #[test]
    fn parts_are_given_to_the_job_that_asks_for_them() {
        let written = |job| {
            let mut records = Records::new(job);
            records.forget_shape(7);
            records.done(Outcome::default());
            records.take()
        };
        let mut ahead = ReadAhead::default();
        ahead.add(written(JobId::NONE));
        ahead.end(Ok(()));
        assert_eq!(ahead.next(JobId(9)).unwrap().unwrap(), written(JobId(9)));
        assert!(ahead.is_empty());
        assert!(ahead.next(JobId(9)).unwrap().unwrap().is_empty());
        assert!(ahead.next(JobId(9)).is_none());
    }
}
