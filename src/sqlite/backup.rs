//! SQLite's backup API (<https://sqlite.org/c3ref/backup_finish.html>). It copies one database over
//! another, page by page, in one transaction of the destination.

use rusqlite::backup;

use super::{Connection, Error};

/// A running copy.
pub struct Backup<'a, 'b>(backup::Backup<'a, 'b>);

/// The result of [`Backup::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStep {
    /// All pages are copied and committed.
    Done,
    /// There are more pages to copy.
    More,
    /// Another connection holds a lock that the copy needs. The step can be repeated.
    Busy,
}

/// The progress of a copy, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of pages of the source.
    pub total: i32,
    /// The number of copied pages.
    pub done: i32,
}

impl<'a, 'b> Backup<'a, 'b> {
    /// Begins a copy. Neither database is locked before the first step.
    ///
    /// # Errors
    /// SQLite's error, for example if the destination is in a transaction.
    pub fn new(source: &'a Connection, destination: &'b mut Connection) -> Result<Self, Error> {
        Ok(Self(backup::Backup::new(&source.raw, &mut destination.raw)?))
    }

    /// Copies up to `pages` pages. A step of 0 pages only locks the destination.
    ///
    /// # Errors
    /// SQLite's error, other than that of a lock.
    pub fn step(&self, pages: i32) -> Result<BackupStep, Error> {
        Ok(match self.0.step(pages)? {
            backup::StepResult::Done => BackupStep::Done,
            backup::StepResult::Busy | backup::StepResult::Locked => BackupStep::Busy,
            _ => BackupStep::More,
        })
    }

    /// The progress after the last step.
    pub fn progress(&self) -> Progress {
        let backup::Progress { remaining, pagecount } = self.0.progress();
        Progress { total: pagecount, done: pagecount - remaining }
    }
}
