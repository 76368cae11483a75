//! The functions that JavaScript can call, one thin function per operation. The answer of a job comes
//! later, as records (`wire`) that carry the number which JavaScript gave the job.

mod arguments;
mod call_buffer;
pub mod environment;
pub mod query;
pub mod swap;
