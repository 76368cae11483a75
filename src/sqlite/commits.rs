//! Counts the commits of one connection, and refuses a commit of a statement that has not ended.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, ffi};

/// The state of one connection's commit hook (<https://sqlite.org/c3ref/commit_hook.html>). Only the
/// thread that uses the connection accesses it.
#[derive(Debug, Default)]
pub struct Commits {
    count: AtomicU64,
    /// Whether SQLite has begun a commit in the current step and has not rolled back since.
    has_begun: AtomicBool,
    /// Whether a commit is refused.
    refuses: AtomicBool,
}

impl Commits {
    /// Installs the commit hook and the rollback hook of a connection. `self` has to live for longer than
    /// the connection.
    ///
    /// `sqlite3_close` rolls back an open transaction. It calls the rollback hook for that after it has
    /// freed what rusqlite keeps for its hooks, so this hook is not one of rusqlite's.
    pub fn watch(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let commits = Arc::clone(self);
        connection.commit_hook(Some(move || commits.refuse_or_begin()))?;
        let commits = Arc::as_ptr(self).cast_mut().cast();
        // SAFETY: the connection is open, and only this thread uses it. SQLite calls the hook until the
        // connection is closed, and the caller keeps the `Commits` until then.
        unsafe { ffi::sqlite3_rollback_hook(connection.handle(), Some(rolled_back), commits) };
        Ok(())
    }

    /// The number of commits.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a setting, which takes effect like a commit and is not undone.
    pub fn count_setting(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Refuses commits outside of steps, for a statement that is about to be stepped. In autocommit mode,
    /// `sqlite3_reset` ends a statement as its last step does. So a statement that is reset early, because
    /// its rows cannot be returned, would commit its changes. SQLite rolls back instead if the commit is
    /// refused.
    pub fn only_in_steps(&self) -> OnlyInSteps<'_> {
        self.refuses.store(true, Ordering::Relaxed);
        OnlyInSteps(self)
    }

    fn refuse_or_begin(&self) -> bool {
        self.has_begun.store(true, Ordering::Relaxed);
        self.refuses.load(Ordering::Relaxed)
    }
}

/// The rollback hook (<https://sqlite.org/c3ref/commit_hook.html>).
unsafe extern "C" fn rolled_back(commits: *mut c_void) {
    // SAFETY: `Commits::watch` passes a pointer to a `Commits` that lives for longer than the connection.
    let commits = unsafe { &*commits.cast_const().cast::<Commits>() };
    commits.has_begun.store(false, Ordering::Relaxed);
}

/// Refuses commits outside of [`OnlyInSteps::step`] until it is dropped. The rows of the statement must be
/// dropped first.
pub struct OnlyInSteps<'a>(&'a Commits);

impl OnlyInSteps<'_> {
    /// Runs one step of the statement, which may commit, and counts its commit. A step that fails may have
    /// committed, too (OR FAIL). A commit that fails is not counted: SQLite rolls it back, or keeps the
    /// transaction open (SQLITE_BUSY), and `connection` is then not in autocommit mode.
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
