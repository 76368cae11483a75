//! What JavaScript can call: one thin function per operation. Answers of jobs come later, as records
//! (`wire`), under the number that JavaScript gave the job.

mod arguments;
pub mod environment;
pub mod query;
pub mod swap;
