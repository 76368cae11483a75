//! SQLite's backup API (<https://sqlite.org/c3ref/backup_finish.html>): one database is copied over
//! another, page by page, in one transaction of the other.

use rusqlite::backup;

use super::{Connection, Error};

/// A copy under way.
pub struct Backup<'a, 'b>(backup::Backup<'a, 'b>);

/// What came of some pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupStep {
    /// All is copied, and committed.
    Done,
    /// There are more pages.
    More,
    /// Another connection has a lock that is needed.
    Busy,
}

/// How far it is, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many pages the source has.
    pub total: i32,
    /// How many of them are copied.
    pub done: i32,
}

impl<'a, 'b> Backup<'a, 'b> {
    /// Begins. Nothing is locked and nothing is copied before the first step.
    pub fn new(source: &'a Connection, destination: &'b mut Connection) -> Result<Self, Error> {
        Ok(Self(backup::Backup::new(&source.raw, &mut destination.raw)?))
    }

    /// Copies some pages; 0 pages lock the destination.
    pub fn step(&self, pages: i32) -> Result<BackupStep, Error> {
        Ok(match self.0.step(pages)? {
            backup::StepResult::Done => BackupStep::Done,
            backup::StepResult::Busy | backup::StepResult::Locked => BackupStep::Busy,
            _ => BackupStep::More,
        })
    }

    /// How far it is, as of the last step.
    pub fn progress(&self) -> Progress {
        let backup::Progress { remaining, pagecount } = self.0.progress();
        Progress { total: pagecount, done: pagecount - remaining }
    }
}
