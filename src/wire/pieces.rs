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
