//! Texts in the two encodings of JavaScript's strings: JavaScript only has to copy them. To decode UTF-8
//! takes JavaScript ten times as long.

use super::kinds::TextKind;

/// The largest byte of UTF-8 in a text of characters up to U+00FF.
const LARGEST_OF_LATIN_1: u8 = 0xC3;

/// The bytes of UTF-8 that follow the first one of a character (`10xxxxxx`).
const MOST_CONTINUATIONS: usize = 3;

/// Texts, one after the other. They are Latin-1 until a character needs UTF-16.
#[derive(Debug)]
pub struct TextBuffer {
    bytes: Vec<u8>,
    kind: TextKind,
}

impl Default for TextBuffer {
    fn default() -> Self {
        Self { bytes: Vec::new(), kind: TextKind::Latin1 }
    }
}

impl TextBuffer {
    /// Appends a text. SQLite does not guarantee that TEXT is UTF-8: invalid bytes become U+FFFD. Returns the
    /// length in UTF-16 units, which is that of JavaScript.
    pub fn push(&mut self, utf8: &[u8]) -> usize {
        let before = self.units();
        if utf8.is_ascii() {
            self.push_latin_1(utf8);
        } else {
            let text = String::from_utf8_lossy(utf8);
            if self.kind == TextKind::Latin1
                && text.as_bytes().iter().all(|byte| *byte <= LARGEST_OF_LATIN_1)
            {
                self.bytes.extend(text.chars().filter_map(|char| u8::try_from(char).ok()));
            } else {
                self.widen();
                self.bytes.reserve(text.len());
                for unit in text.encode_utf16() {
                    self.bytes.extend_from_slice(&unit.to_le_bytes());
                }
            }
        }
        self.units() - before
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoding of the bytes.
    pub fn kind(&self) -> TextKind {
        self.kind
    }

    /// The length of all texts in UTF-16 units.
    pub fn units(&self) -> usize {
        match self.kind {
            TextKind::Latin1 => self.bytes.len(),
            TextKind::Utf16 => self.bytes.len() / 2,
        }
    }

    /// Reserves memory for at least so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// The bytes that are reserved.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether no memory is reserved.
    pub fn is_new(&self) -> bool {
        self.bytes.capacity() == 0
    }

    /// Removes all texts.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.kind = TextKind::Latin1;
    }

    fn push_latin_1(&mut self, bytes: &[u8]) {
        match self.kind {
            TextKind::Latin1 => self.bytes.extend_from_slice(bytes),
            TextKind::Utf16 => self.bytes.extend(bytes.iter().flat_map(|byte| [*byte, 0])),
        }
    }

    fn widen(&mut self) {
        if self.kind == TextKind::Latin1 {
            let narrow = std::mem::take(&mut self.bytes);
            self.kind = TextKind::Utf16;
            self.push_latin_1(&narrow);
        }
    }
}

/// Splits off at most `most` bytes of a text, between two characters. `most` is at least 4. Both parts become
/// the same characters as the whole, also where they are not valid UTF-8.
pub fn split_text(utf8: &[u8], most: usize) -> (&[u8], &[u8]) {
    if utf8.len() <= most {
        return (utf8, &[]);
    }
    let is_continuation = |at: &usize| utf8[*at] & 0xC0 == 0x80;
    // After three continuations, a further one belongs to no character.
    let start = (most - MOST_CONTINUATIONS..=most).rev().find(|at| !is_continuation(at));
    utf8.split_at(start.unwrap_or(most))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text of these bytes, as JavaScript reads it.
    pub fn decode(kind: u8, bytes: &[u8]) -> Vec<u16> {
        match TextKind::from_u8(kind).unwrap() {
            TextKind::Latin1 => bytes.iter().map(|byte| u16::from(*byte)).collect(),
            TextKind::Utf16 => {
                let units = bytes.chunks_exact(2);
                assert!(units.remainder().is_empty());
                units.map(|unit| u16::from_le_bytes(unit.try_into().unwrap())).collect()
            }
        }
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let text = prop_oneof![
            "[a-z]{0,9}".prop_map(String::into_bytes),
            "[a-zäÿ]{0,9}".prop_map(String::into_bytes),
            ".{0,9}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..9),
        ];
        proptest::collection::vec(text, 0..6)
    }

    proptest! {
        #[test]
        fn texts_come_back_in_either_encoding(texts in texts()) {
            let mut buffer = TextBuffer::default();
            let mut expected = Vec::new();
            for text in &texts {
                let units: Vec<u16> = String::from_utf8_lossy(text).encode_utf16().collect();
                prop_assert_eq!(buffer.push(text), units.len());
                expected.extend(units);
            }
            let is_wide = expected.iter().any(|unit| *unit > 0xFF);
            prop_assert_eq!(buffer.kind() == TextKind::Utf16, is_wide);
            prop_assert_eq!(decode(buffer.kind() as u8, buffer.bytes()), expected);
        }

        #[test]
        fn parts_of_a_text_are_the_whole(texts in texts(), most in 4..12usize) {
            let whole = texts.concat();
            let (mut rest, mut parts) = (&whole[..], String::new());
            while !rest.is_empty() {
                let (part, after) = split_text(rest, most);
                prop_assert!(!part.is_empty() && part.len() <= most);
                parts.push_str(&String::from_utf8_lossy(part));
                rest = after;
            }
            prop_assert_eq!(parts, String::from_utf8_lossy(&whole));
        }
    }
}
