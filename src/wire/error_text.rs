//! Limits the length of error texts for JavaScript. A text can be very long: `raise(abort, …)` takes any
//! text, and a syntax error quotes the statement. A JavaScript string has a maximum length (V8: 2^29 - 24
//! units), and the beginning of an error text is the useful part.

use std::fmt::{self, Display, Write};

/// The length of the longest text that is sent completely, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The text, if it is not longer than [`LONGEST`]. Otherwise its beginning, cut between two characters, and
/// a note with its length. The rest is not copied.
pub fn bounded(text: &impl Display) -> String {
    let mut bounded = Bounded::default();
    // If `Display` fails, the text ends there.
    let _ = write!(bounded, "{text}");
    bounded.end()
}

#[derive(Default)]
struct Bounded {
    kept: String,
    /// The length of the whole text, in bytes.
    length: usize,
}

impl Bounded {
    fn end(self) -> String {
        let Self { mut kept, length } = self;
        if kept.len() < length {
            kept.push_str("… (cut here: the whole text has ");
            kept.push_str(&length.to_string());
            kept.push_str(" bytes)");
        }
        kept
    }
}

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // Nothing is kept after the cut.
        if self.kept.len() == self.length {
            let mut end = piece.len().min(LONGEST - self.kept.len());
            while !piece.is_char_boundary(end) {
                end -= 1;
            }
            self.kept.push_str(&piece[..end]);
        }
        self.length += piece.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_maximum_length_is_complete() {
        let text = "a".repeat(LONGEST);
        assert_eq!(bounded(&text), text);
        assert_eq!(bounded(&""), "");
    }

    #[test]
    fn a_longer_text_is_cut_between_characters_and_has_a_note() {
        // The limit is between the two bytes of a character.
        let text = format!("a{}", "ü".repeat(LONGEST));
        let expected = format!(
            "a{}… (cut here: the whole text has {} bytes)",
            "ü".repeat((LONGEST - 1) / 2),
            text.len()
        );
        assert_eq!(bounded(&text), expected);
    }

    #[test]
    fn a_text_of_several_pieces_is_cut_once() {
        let text = "b".repeat(LONGEST);
        let cut = bounded(&format_args!("{}{text}{}", "ü", "end"));
        assert!(cut.starts_with("übb"), "{}", &cut[..10]);
        assert!(cut.ends_with(&format!("b… (cut here: the whole text has {} bytes)", LONGEST + 5)));
        assert_eq!(cut.matches("cut here").count(), 1);
    }
}
