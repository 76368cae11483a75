//! Waits for other connections of a shared cache. SQLite does not wait for them itself.

use std::time::Instant;

use super::Connection;
use super::codes::SQLITE_LOCKED_SHAREDCACHE;
use super::hooks::{LockWait, Wanted};

/// An error type that can be SQLITE_LOCKED because of another connection of a shared cache.
pub trait MayBeLocked {
    /// Whether the error is SQLITE_LOCKED_SHAREDCACHE.
    fn is_locked_shared_cache(&self) -> bool;
}

impl MayBeLocked for rusqlite::Error {
    fn is_locked_shared_cache(&self) -> bool {
        self.sqlite_error()
            .is_some_and(|failure| failure.extended_code == SQLITE_LOCKED_SHAREDCACHE)
    }
}

impl Connection {
    /// Runs `attempt` again while a lock of a shared cache makes it fail. SQLite returns
    /// SQLITE_LOCKED_SHAREDCACHE without calling the busy handler
    /// (<https://sqlite.org/sharedcache.html>), so this function waits in the same way as that handler.
    pub(super) fn retry_shared_cache<T, E: MayBeLocked>(
        &self,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let result = attempt();
            match &result {
                Err(error) if error.is_locked_shared_cache() => {}
                _ => return result,
            }
            if !self.hooks.wait_for_lock(LockWait { wanted: Wanted::Commit, tries, began }) {
                return result;
            }
            tries += 1;
        }
    }
}
