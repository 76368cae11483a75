//! The functions on texts that libSQL has: `reverse`, `proper`, `replicate`, `padl`, `padr`, `padc`, `strfilter`,
//! `charindex`, `leftstr`, `rightstr`, `difference` and `lsmode`. Lengths and places count characters.

use rustc_hash::FxHashSet;

/// The characters in reverse order.
pub fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

/// Each word with a capital letter at its begin, and small letters behind it, in ASCII. Words stand between spaces or
/// tabs.
pub fn proper(text: &str) -> String {
    let mut begins = true;
    text.chars()
        .map(|character| {
            let is_blank = matches!(character, ' ' | '\t');
            let letter = if begins {
                character.to_ascii_uppercase()
            } else {
                character.to_ascii_lowercase()
            };
            begins = is_blank;
            if is_blank { character } else { letter }
        })
        .collect()
}

/// The side of a text on which spaces are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    /// Both sides, and the odd space on the right.
    Both,
}

/// The numbers of spaces, left and right, that make a text `length` characters long. No spaces if it is longer.
pub fn padding(text: &str, length: usize, side: Side) -> (usize, usize) {
    let missing = length.saturating_sub(text.chars().count());
    match side {
        Side::Left => (missing, 0),
        Side::Right => (0, missing),
        Side::Both => (missing / 2, missing - missing / 2),
    }
}

/// The characters of a text that are in the other one.
pub fn filter(text: &str, kept: &str) -> String {
    let kept: FxHashSet<char> = kept.chars().collect();
    text.chars().filter(|character| kept.contains(character)).collect()
}

/// The place of a text in another one, from the place `from` on. The first place is 1. 0 if the text is not there, or
/// is empty.
pub fn place_of(searched: &str, text: &str, from: usize) -> usize {
    let skipped = from.saturating_sub(1);
    let begin = text.char_indices().nth(skipped).map(|(at, _)| at);
    let (false, Some(begin)) = (searched.is_empty(), begin) else { return 0 };
    match text[begin..].find(searched) {
        Some(at) => skipped + text[begin..begin + at].chars().count() + 1,
        None => 0,
    }
}

/// The first characters.
pub fn left(text: &str, count: usize) -> &str {
    match text.char_indices().nth(count) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}

/// The last characters.
pub fn right(text: &str, count: usize) -> &str {
    match count.checked_sub(1) {
        Some(before) => match text.char_indices().rev().nth(before) {
            Some((at, _)) => &text[at..],
            None => text,
        },
        None => "",
    }
}

/// The mode of a file as `ls -l` shows it.
pub fn mode(mode: i64) -> String {
    let kind = match mode & 0o170_000 {
        0o120_000 => 'l',
        0o100_000 => '-',
        0o040_000 => 'd',
        _ => '?',
    };
    let bits = (0..9).rev().zip("rwx".chars().cycle());
    let bits = bits.map(|(bit, letter)| if mode >> bit & 1 == 1 { letter } else { '-' });
    std::iter::once(kind).chain(bits).collect()
}

/// The number of places, 0 to 4, at which two texts have the same sound.
pub fn common_sounds(one: &str, other: &str) -> i64 {
    let same = sounds(one).into_iter().zip(sounds(other)).filter(|(one, other)| one == other);
    i64::try_from(same.count()).unwrap_or(0)
}

/// The sounds of a text, as libSQL counts them: its first letter, and the digits of the first three letters that have
/// one, the first letter among them. A byte that is not ASCII counts as that of its lower 7 bits.
fn sounds(text: &str) -> [u8; 4] {
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().position(u8::is_ascii_alphabetic) else { return *b"?000" };
    let mut sounds = [bytes[first].to_ascii_uppercase(), b'0', b'0', b'0'];
    let digits = bytes[first..].iter().filter_map(|byte| digit(byte & 0x7f));
    for (sound, digit) in sounds[1..].iter_mut().zip(digits) {
        *sound = digit;
    }
    sounds
}

/// The digit of a letter (<https://en.wikipedia.org/wiki/Soundex>).
fn digit(letter: u8) -> Option<u8> {
    match letter.to_ascii_lowercase() {
        b'b' | b'f' | b'p' | b'v' => Some(b'1'),
        b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => Some(b'2'),
        b'd' | b't' => Some(b'3'),
        b'l' => Some(b'4'),
        b'm' | b'n' => Some(b'5'),
        b'r' => Some(b'6'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart_by_characters() {
        assert_eq!(reverse("héllo"), "olléh");
        assert_eq!(proper("hello woRLD\tfoo école"), "Hello World\tFoo école");
        assert_eq!(filter("hello", "lo"), "llo");
        assert_eq!((left("héllo", 2), left("héllo", 0), left("a", 9)), ("hé", "", "a"));
        assert_eq!((right("héllo", 4), right("héllo", 0), right("a", 9)), ("éllo", "", "a"));
        assert_eq!(padding("é", 4, Side::Both), (1, 2));
        assert_eq!((mode(0o100_640), mode(0)), ("-rw-r-----".into(), "?---------".into()));
        assert_eq!(padding("éa", 1, Side::Left), (0, 0));
    }

    #[test]
    fn places_begin_with_1() {
        assert_eq!(place_of("b", "abc", 0), 2);
        assert_eq!(place_of("é", "aéb", 2), 2);
        assert_eq!(place_of("b", "abcb", 3), 4);
        assert_eq!(place_of("b", "abc", 3), 0);
        assert_eq!(place_of("b", "abc", 9), 0);
        assert_eq!(place_of("", "abc", 1), 0);
    }

    #[test]
    fn words_that_sound_alike_have_common_sounds() {
        assert_eq!(common_sounds("robert", "rupert"), 4);
        assert_eq!(common_sounds("", "a"), 3);
    }
}
