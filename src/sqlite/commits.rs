//! The commits of one connection: counted, and refused where the statement behind one has not ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;

/// What the commit hook of one connection knows (<https://sqlite.org/c3ref/commit_hook.html>). All of
/// it is used by the connection's thread alone.
#[derive(Debug, Default)]
pub struct Commits {
    count: AtomicU64,
    /// SQLite has begun a commit in the step that runs, and has not rolled back since.
    has_begun: AtomicBool,
    refuses: AtomicBool,
}

impl Commits {
    /// Becomes the commit hook of a connection.
    pub fn watch(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let commits = Arc::clone(self);
        connection.commit_hook(Some(move || commits.refuse_or_begin()))?;
        let commits = Arc::clone(self);
        connection.rollback_hook(Some(move || commits.has_begun.store(false, Ordering::Relaxed)))
    }

    /// How many commits there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts an effect that is no commit, and that nothing undoes either: a setting.
    pub fn count_setting(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// For a statement that is about to be stepped. Where it is reset before its end, because its rows
    /// cannot be given to anybody, SQLite would commit what it has done: in autocommit mode
    /// `sqlite3_reset` ends a statement as its last step does. A commit outside of a step is refused,
    /// and SQLite rolls back.
    pub fn only_in_steps(&self) -> OnlyInSteps<'_> {
        self.refuses.store(true, Ordering::Relaxed);
        OnlyInSteps(self)
    }

    fn refuse_or_begin(&self) -> bool {
        self.has_begun.store(true, Ordering::Relaxed);
        self.refuses.load(Ordering::Relaxed)
    }
}

/// While it lives, a commit is refused unless it comes from a step. The statement's rows must be
/// dropped before it.
pub struct OnlyInSteps<'a>(&'a Commits);

impl OnlyInSteps<'_> {
    /// One step of the statement: what it commits is committed. One that fails may have committed (OR
    /// FAIL); a commit that fails is rolled back, or leaves its transaction open (SQLITE_BUSY): then
    /// `connection` is not in autocommit mode.
    pub fn step<T>(&self, connection: &Connection, step: impl FnOnce() -> T) -> T {
        self.0.has_begun.store(false, Ordering::Relaxed);
        self.0.refuses.store(false, Ordering::Relaxed);
        let result = step();
        self.0.refuses.store(true, Ordering::Relaxed);
        if self.0.has_begun.load(Ordering::Relaxed) && connection.is_autocommit() {
            self.0.count.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

impl Drop for OnlyInSteps<'_> {
    fn drop(&mut self) {
        self.0.refuses.store(false, Ordering::Relaxed);
    }
}
