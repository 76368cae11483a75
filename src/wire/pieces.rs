//! A long value in pieces. No side ever copies all of it at once, and the event loop runs other work between
//! two pieces.

use super::kinds::{PieceKind, RecordKind, TextKind};
use super::records::{Records, put_u32};
use super::text::{TextBuffer, split_text};
use crate::jobs::ids::JobId;
use crate::value::Value;

/// The size of a piece, in bytes. A value that is longer comes in pieces. One piece is one fetch.
pub const PIECE: usize = 128 * 1024;

/// Whether the value comes in pieces.
pub fn is_long(value: Value<'_>) -> bool {
    matches!(value, Value::Text(bytes) | Value::Blob(bytes) if bytes.len() > PIECE)
}

/// Sends the pieces of a long value. The row that has the value comes later, and names it by
/// [`super::kinds::CellKind::Long`]. Long values come in the order of their cells.
///
/// # Errors
/// Those of `send`. The value is not complete then.
pub fn send_pieces<E>(
    job: JobId,
    value: Value<'_>,
    mut send: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let (bytes, is_text) = match value {
        Value::Text(bytes) => (bytes, true),
        Value::Blob(bytes) => (bytes, false),
        _ => return Ok(()),
    };
    let total = bytes.len();
    let mut rest = bytes;
    let mut text = TextBuffer::default();
    while !rest.is_empty() {
        let (piece, after) = match is_text {
            true => split_text(rest, PIECE),
            false => rest.split_at(rest.len().min(PIECE)),
        };
        rest = after;
        let (kind, content) = if is_text {
            text.clear();
            text.push(piece);
            let kind = match text.kind() {
                TextKind::Latin1 => PieceKind::Latin1,
                TextKind::Utf16 => PieceKind::Utf16,
            };
            (kind, text.bytes())
        } else {
            (PieceKind::Blob, piece)
        };
        let mut records = Records::new(job);
        records.record(RecordKind::Piece, |record| {
            record.reserve(content.len() + 6);
            record.push(kind as u8);
            record.push(u8::from(rest.is_empty()));
            put_u32(record, u32::try_from(total).unwrap_or(u32::MAX));
            record.extend_from_slice(content);
        });
        send(records.take())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::OwnedValue;
    use crate::wire::records::RowsChunk;
    use crate::wire::records::tests::{Read, read};

    #[test]
    fn long_values_come_back_whole_and_in_the_order_of_their_cells() {
        let mixed = format!("a{}{}", "ä".repeat(PIECE), "漢😀".repeat(PIECE));
        let values = [
            OwnedValue::Blob((0..3 * PIECE + 1).map(|byte| (byte % 251) as u8).collect()),
            OwnedValue::Text(mixed),
            OwnedValue::Integer(1),
            OwnedValue::Text("x".repeat(PIECE + 1)),
        ];
        let mut records = Records::new(JobId(3));
        records.shape(1, [("a", ""), ("b", ""), ("c", ""), ("d", "")].into_iter());
        let mut bytes = records.take();
        let mut chunk = RowsChunk::new(1);
        chunk.begin_row(1);
        for value in &values {
            if !is_long(value.borrow()) {
                chunk.cell(value.borrow(), true).unwrap();
                continue;
            }
            chunk.long_cell(value.borrow()).unwrap();
            let sent = send_pieces(JobId(3), value.borrow(), |piece| {
                assert!(piece.len() < 2 * PIECE + 64);
                bytes.extend(piece);
                Ok::<_, ()>(())
            });
            assert_eq!(sent, Ok(()));
        }
        chunk.end_row().unwrap();
        records.rows(&mut chunk);
        bytes.extend(records.take());
        assert_eq!(read(&bytes).pop(), Some((3, Read::Rows(1, vec![values.to_vec()]))));
    }

    #[test]
    fn the_first_error_ends_the_pieces() {
        let mut sent = 0;
        let result = send_pieces(JobId(3), Value::Blob(&[0; 3 * PIECE]), |_| {
            sent += 1;
            if sent == 2 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((result, sent), (Err("enough"), 2));
    }
}
