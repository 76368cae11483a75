//! The texts of errors, as far as they go to JavaScript. They are as long as what others put into them:
//! `raise(abort, …)` takes any text, a syntax error quotes the statement. JavaScript engines have a longest
//! string (V8's: 2^29 - 24 units), and whoever reads an error wants its beginning.

use std::fmt::{self, Display, Write};

/// The longest text that is sent whole, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The text; of a longer one than [`LONGEST`] its beginning, cut between two characters, and how long it is.
/// What is cut is not copied.
pub fn bounded(text: &impl Display) -> String {
    let mut bounded = Bounded::default();
    // A `Display` that fails has said what it could.
    let _ = write!(bounded, "{text}");
    bounded.end()
}

#[derive(Default)]
struct Bounded {
    kept: String,
    /// How long the whole text is, in bytes.
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
        // Once something is cut, nothing follows.
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
    fn a_text_of_the_longest_length_is_whole() {
        let text = "a".repeat(LONGEST);
        assert_eq!(bounded(&text), text);
        assert_eq!(bounded(&""), "");
    }

    #[test]
    fn a_longer_one_is_cut_between_characters_and_says_so() {
        // The two bytes of the last character stand on both sides of the limit.
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
