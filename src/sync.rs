//! Locks, condition variables, atomics and threads: std's. In the models (Cargo feature `model`, for
//! tests only) shuttle's, which tries many interleavings of the same code.

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

/// Locks a mutex. A panic elsewhere leaves our data whole: every change is made under the lock in one
/// piece, so a poisoned mutex is as good as any other.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal.
pub fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal, for this long at most.
pub fn wait_for<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
) -> MutexGuard<'a, T> {
    changed.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}

/// Whether a thread has ended, so that joining it does not wait. shuttle does not say.
#[cfg(not(feature = "model"))]
pub fn has_ended<T>(thread: &thread::JoinHandle<T>) -> bool {
    thread.is_finished()
}

/// See above.
#[cfg(feature = "model")]
pub fn has_ended<T>(_thread: &thread::JoinHandle<T>) -> bool {
    false
}
