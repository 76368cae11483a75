//! The memory of the last answer of a lane in place, which the next one uses again.

use crate::wire::records::RowsChunk;

/// The memory of the last answer, for the next one.
#[derive(Default)]
pub struct Scratch {
    /// The records.
    pub records: Vec<u8>,
    /// The rows.
    pub chunk: RowsChunk,
}
