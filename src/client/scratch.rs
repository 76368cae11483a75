//! The memory of the last answer of a lane in place, which the next one uses again.

use crate::wire::CHUNK;
use crate::wire::records::RowsChunk;

/// The most bytes of each part that are kept. A run that is given up may have written a row of many chunks.
const KEPT_BYTES: usize = 4 * CHUNK;

/// The memory of the last answer, for the next one.
#[derive(Default)]
pub struct Scratch {
    /// The records.
    pub records: Vec<u8>,
    /// The rows.
    pub chunk: RowsChunk,
}

impl Scratch {
    /// Frees what is larger than answers in place are.
    pub fn give_back(&mut self) {
        if self.records.capacity() > KEPT_BYTES {
            self.records = Vec::new();
        }
        if self.chunk.capacity() > KEPT_BYTES {
            self.chunk = RowsChunk::default();
        }
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn the_memory_of_a_large_row_is_given_back() {
        let mut scratch = Scratch::default();
        let sizes = |scratch: &Scratch| (scratch.records.capacity(), scratch.chunk.capacity());
        scratch.records.reserve(CHUNK);
        scratch.chunk.begin_row(1);
        scratch.chunk.cell(Value::Text(b"short"), false).unwrap();
        let usual = sizes(&scratch);
        scratch.give_back();
        assert_eq!(sizes(&scratch), usual);
        scratch.records.reserve(KEPT_BYTES + 1);
        scratch.chunk.cell(Value::Text(&[b'x'; KEPT_BYTES]), false).unwrap();
        scratch.give_back();
        assert_eq!(sizes(&scratch), (0, 0));
    }
}
