//! Jobs: their numbers, how one is cancelled, the threads that run work on files, and how a job and
//! JavaScript talk to each other. Nothing here knows what a job does.

pub mod backoff;
pub mod cancel;
pub mod channel;
pub mod ids;
pub mod outbox;
pub mod panics;
pub mod pool;
mod short_slices;
