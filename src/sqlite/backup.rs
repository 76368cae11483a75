//! SQLite's backup API (<https://sqlite.org/c3ref/backup_finish.html>). It copies one database over
//! another, page by page, in one transaction of the destination.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use rusqlite::ffi;

use super::{Connection, Error};

/// A running copy. It borrows both connections, the destination alone.
pub struct Backup<'a, 'b> {
    backup: NonNull<ffi::sqlite3_backup>,
    connections: PhantomData<(&'a Connection, &'b mut Connection)>,
}

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
        const MAIN: &CStr = c"main";
        // SAFETY: both connections are open, and this thread alone uses them for as long as the borrows last.
        // The names end with NUL. The text of an error is copied before the next call of SQLite.
        unsafe {
            let (from, to) = (source.raw.handle(), destination.raw.handle());
            let backup = ffi::sqlite3_backup_init(to, MAIN.as_ptr(), from, MAIN.as_ptr());
            match NonNull::new(backup) {
                Some(backup) => Ok(Self { backup, connections: PhantomData }),
                None => Err(Error::Sqlite {
                    code: ffi::sqlite3_extended_errcode(to),
                    message: CStr::from_ptr(ffi::sqlite3_errmsg(to)).to_string_lossy().into_owned(),
                }),
            }
        }
    }

    /// Copies up to `pages` pages. A step of 0 pages only locks the destination.
    ///
    /// # Errors
    /// SQLite's error, other than that of a lock.
    pub fn step(&self, pages: i32) -> Result<BackupStep, Error> {
        // SAFETY: the backup is not finished, and only this thread uses it.
        match unsafe { ffi::sqlite3_backup_step(self.backup.as_ptr(), pages) } {
            ffi::SQLITE_DONE => Ok(BackupStep::Done),
            ffi::SQLITE_OK => Ok(BackupStep::More),
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Ok(BackupStep::Busy),
            code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()),
        }
    }

    /// The progress after the last step.
    pub fn progress(&self) -> Progress {
        let backup = self.backup.as_ptr();
        // SAFETY: the backup is not finished, and only this thread uses it. Both functions only read.
        let (total, remaining) = unsafe {
            (ffi::sqlite3_backup_pagecount(backup), ffi::sqlite3_backup_remaining(backup))
        };
        Progress { total, done: total - remaining }
    }
}

impl Drop for Backup<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: this is the only call, and both connections are still open, because they are borrowed. The
        // result is that of the last step.
        unsafe { ffi::sqlite3_backup_finish(self.backup.as_ptr()) };
    }
}
