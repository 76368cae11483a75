//! Locks, condition variables, atomics and threads: std's. In the models (Cargo feature `model`, for
//! tests only) shuttle's, which tries many interleavings of the same code.

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
