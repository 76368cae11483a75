//! Locks, condition variables, atomics and threads. A normal build uses those of `std`. The Cargo
//! feature `model` (for tests only) uses shuttle's, which runs the same code in many interleavings.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(not(feature = "model"))]
pub use std::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};

#[cfg(feature = "model")]
pub use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};

/// Locks a mutex, and ignores poisoning. Each change is made completely under one lock, so a thread
/// that panics leaves the data consistent.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `changed` is signalled. May return spuriously, as condition variables do.
pub fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `changed` is signalled, for at most `limit`.
pub fn wait_for<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
) -> MutexGuard<'a, T> {
    changed.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}

/// Whether a thread has ended, so that joining it does not block.
#[cfg(not(feature = "model"))]
pub fn has_ended<T>(thread: &thread::JoinHandle<T>) -> bool {
    thread.is_finished()
}

/// Always false: shuttle does not report whether a thread has ended.
#[cfg(feature = "model")]
pub fn has_ended<T>(_thread: &thread::JoinHandle<T>) -> bool {
    false
}
