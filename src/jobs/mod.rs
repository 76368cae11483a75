//! Jobs: their numbers, their cancelling, the thread pool for file jobs, and the channel between a job
//! and JavaScript. No module here knows what a job does.

pub mod backlog;
pub mod backoff;
pub mod cancel;
pub mod channel;
pub mod ids;
pub mod outbox;
pub mod panics;
pub mod pool;
pub mod queue;
mod short_slices;
