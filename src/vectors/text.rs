//! Reads the text of a vector, as libSQL does: an array in brackets, in which spaces may be anywhere.

use std::borrow::Cow;

use super::error::{MOST_DIMENSIONS, VectorError};
use super::number;

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
    let text = text.get(..end).unwrap_or_default();
    let mut rest = without_spaces_before(text).strip_prefix(b"[").ok_or(VectorError::Start)?;
    let mut count = 0;
    loop {
        let length = rest.iter().position(|byte| matches!(byte, b',' | b']'));
        let element = without_spaces(rest.get(..length.unwrap_or(rest.len())).unwrap_or_default());
        if let Some(begin) = element.get(..=LONGEST_NUMBER)
            && element.len() > begin.len()
        {
            return Err(VectorError::LongFloat(LONGEST_NUMBER, lossy(begin)));
        }
        let length = length.ok_or(VectorError::End)?;
        let is_last = rest.get(length) == Some(&b']');
        rest = rest.get(length + 1..).unwrap_or_default();
        if !(is_last && count == 0 && element.is_empty()) {
            let number = number::parse(&element);
            let number = number.ok_or_else(|| VectorError::Float(count, lossy(&element)))?;
            if count >= MOST_DIMENSIONS {
                return Err(VectorError::TooManyElements);
            }
            take(number);
            count += 1;
        }
        if is_last {
            let is_end = without_spaces_before(rest).is_empty();
            return if is_end { Ok(count) } else { Err(VectorError::Behind) };
        }
    }
}

fn without_spaces_before(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    text.get(spaces..).unwrap_or_default()
}

fn without_spaces(text: &[u8]) -> Cow<'_, [u8]> {
    match text.iter().any(|byte| is_space(*byte)) {
        true => text.iter().copied().filter(|byte| !is_space(*byte)).collect(),
        false => text.into(),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<f64>, String> {
        let mut numbers = Vec::new();
        let count = elements(text.as_bytes(), |number| numbers.push(number));
        assert!(count.as_ref().is_err() || count == Ok(numbers.len()));
        count.map(|_| numbers).map_err(|error| error.to_string())
    }

    #[test]
    fn spaces_may_be_anywhere_and_nothing_else() {
        assert_eq!(read(" [ 1 , -2 3\t,4e1 ] \n"), Ok(vec![1.0, -23.0, 40.0]));
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read("[1]\0x"), Ok(vec![1.0]));
        let errors = [
            ("", "must start with '['"),
            ("1]", "must start with '['"),
            ("[1", "must end with ']'"),
            ("[1,2]x", "non-space symbols after closing ']' are forbidden"),
            ("[1,]", "invalid float at position 1: ''"),
            ("[,]", "invalid float at position 0: ''"),
            ("[1,a b]", "invalid float at position 1: 'ab'"),
        ];
        for (text, error) in errors {
            assert_eq!(read(text), Err(format!("vector: {error}")), "{text}");
        }
        let long = "1".repeat(1025);
        assert!(read(&format!("[{long}]")).is_ok());
        let error = read(&format!("[{long}1")).unwrap_err();
        assert_eq!(
            error,
            format!("vector: float string length exceeded 1024 characters: '{long}'")
        );
    }

    #[test]
    fn a_vector_has_at_most_65536_elements() {
        let text = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(read(&text(65536)).unwrap().len(), 65536);
        assert_eq!(read(&text(65537)), Err("vector: max size exceeded 65536".to_owned()));
    }
}
