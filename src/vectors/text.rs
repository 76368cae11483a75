//! Reads the text of a vector, as libSQL does: an array in brackets, in which spaces may be anywhere.

use super::number;
use super::vector::{MOST_DIMENSIONS, VectorError};

/// The longest text of an element that libSQL reads, in bytes.
const LONGEST_NUMBER: usize = 1024;

/// SQLite's spaces.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// The number of elements, by the commas. A text without a digit has no last element.
pub fn guessed_dimensions(text: &[u8]) -> usize {
    let commas = text.iter().filter(|byte| **byte == b',').count();
    commas + usize::from(text.iter().any(u8::is_ascii_digit))
}

/// Calls `take` for each element. Returns the number of elements. A NUL ends the text.
///
/// # Errors
/// The text is no vector.
pub fn elements(text: &[u8], mut take: impl FnMut(f64)) -> Result<usize, VectorError> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let mut bytes = text.iter().take(end).copied().filter(|byte| !is_space(*byte));
    if bytes.next() != Some(b'[') {
        return Err(VectorError::Start);
    }
    let mut count = 0;
    let mut element = Vec::new();
    loop {
        let byte = bytes.next().ok_or(VectorError::End)?;
        if byte != b',' && byte != b']' {
            if element.len() > LONGEST_NUMBER {
                return Err(VectorError::LongFloat(LONGEST_NUMBER, lossy(&element)));
            }
            element.push(byte);
            continue;
        }
        if byte == b']' && count == 0 && element.is_empty() {
            break;
        }
        let number =
            number::parse(&element).ok_or_else(|| VectorError::Float(count, lossy(&element)))?;
        if count >= MOST_DIMENSIONS {
            return Err(VectorError::TooManyElements);
        }
        take(number);
        count += 1;
        element.clear();
        if byte == b']' {
            break;
        }
    }
    if bytes.next().is_some() { Err(VectorError::Behind) } else { Ok(count) }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
