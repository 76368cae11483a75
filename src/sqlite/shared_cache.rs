//! Waiting for another connection of a shared cache, which SQLite does not do by itself.

use std::time::Instant;

use super::Connection;
use super::codes::SQLITE_LOCKED_SHAREDCACHE;
use super::connection::{LockWait, Wanted};

/// Errors among which SQLITE_LOCKED by another connection of a shared cache may be.
pub trait MayBeLocked {
    /// Whether it is that.
    fn is_locked_shared_cache(&self) -> bool;
}

impl MayBeLocked for rusqlite::Error {
    fn is_locked_shared_cache(&self) -> bool {
        self.sqlite_error()
            .is_some_and(|failure| failure.extended_code == SQLITE_LOCKED_SHAREDCACHE)
    }
}

impl Connection {
    /// In-memory shared cache answers SQLITE_LOCKED without asking the busy handler
    /// (<https://sqlite.org/sharedcache.html>): it gets the same wait here.
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
            if !self.hooks.wait_for_lock(LockWait { wanted: Wanted::Begin, tries, began }) {
                return result;
            }
            tries += 1;
        }
    }
}
