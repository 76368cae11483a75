//! Regular expressions in the syntax of SQLite's regexp extension, which libSQL has
//! (<https://sqlite.org/src/file/ext/misc/regexp.c>): `X* X+ X? X{p,q} (X) X|Y ^ $ . [abc] [^a-z]`, `\b \w \W \d \D
//! \s \S`, and the escapes of C, `\xXX` and `\uXXXX`.
//!
//! A pattern becomes the operations of a nondeterministic automaton. A match takes time in proportion to the length
//! of the text and the number of operations, whatever the pattern is. Jumps are relative, and an operator puts its
//! operations around those of its operand, as in that extension: so an operator behind another one (`a*?`) means the
//! same here and there.

use super::automaton::{Automaton, Operation, next_character};

/// The most operations of a pattern: SQLite's default for the length of a pattern
/// (<https://sqlite.org/limits.html#max_like_pattern_length>).
const MOST_OPERATIONS: usize = 50_000;

/// The letters of escapes that stand for a character of control, and that character.
const CONTROLS: [(u8, u32); 6] =
    [(b'a', 7), (b'f', 12), (b'n', 10), (b'r', 13), (b't', 9), (b'v', 11)];

/// Characters that stand for themselves behind a backslash.
const ESCAPED: &[u8] = b"\\()*.+?[$^{|}]";

/// Why a text is no pattern. The texts are those of SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexpError {
    #[error("'{0}' without operand")]
    Operand(&'static str),
    #[error("unmatched '{0}'")]
    Unmatched(char),
    #[error("unclosed '['")]
    Class,
    #[error("POSIX character classes not supported")]
    Posix,
    #[error("n less than m in '{{m,n}}'")]
    Less,
    #[error("both m and n are zero in '{{m,n}}'")]
    Zero,
    #[error("unknown \\ escape")]
    Escape,
    #[error("unrecognized character")]
    Unrecognized,
    #[error("REGEXP pattern too big")]
    TooBig,
}

/// Makes the automaton of a pattern. The pattern ends at its first NUL. With `ignores_case`, the letters A to Z equal
/// a to z, but not where they are escaped.
///
/// # Errors
/// Why the text is no pattern.
pub fn compile(pattern: &[u8], ignores_case: bool) -> Result<Automaton, RegexpError> {
    let pattern = pattern.split(|byte| *byte == 0).next().unwrap_or_default();
    let (operations, rest) = match pattern.strip_prefix(b"^") {
        Some(rest) => (Vec::new(), rest),
        None => (vec![Operation::AnyStar], pattern),
    };
    let compiler = Compiler { text: rest, at: 0, ignores_case, operations, unknown_escape: false };
    Ok(Automaton::new(compiler.compile()?, ignores_case))
}

/// A group, or the whole pattern.
struct Group {
    /// The place of its first operation.
    begin: usize,
    /// The jump from the end of the last alternative but one to the end of the last one.
    open_jump: Option<usize>,
}

struct Compiler<'a> {
    text: &'a [u8],
    at: usize,
    ignores_case: bool,
    operations: Vec<Operation>,
    /// An unknown escape is the error if there is no other one.
    unknown_escape: bool,
}

impl Compiler<'_> {
    fn compile(mut self) -> Result<Vec<Operation>, RegexpError> {
        let mut outer: Vec<Group> = Vec::new();
        let mut group = self.group();
        // The place of the operand of an operator that follows.
        let mut operand = None;
        while let Some(character) = self.next() {
            let mut begin = self.operations.len();
            match char::from_u32(character) {
                Some('(') => {
                    outer.push(std::mem::replace(&mut group, self.group()));
                    operand = None;
                    continue;
                }
                Some(')') => {
                    let around = outer.pop().ok_or(RegexpError::Unrecognized)?;
                    self.close(&group);
                    begin = group.begin;
                    group = around;
                }
                Some('|') => {
                    self.close(&group);
                    let end = self.operations.len();
                    let alternative = Operation::Fork(distance(group.begin, end + 2));
                    self.insert(group.begin, alternative)?;
                    group.open_jump = Some(self.operations.len());
                    self.append(Operation::Goto(0))?;
                    operand = None;
                    continue;
                }
                Some('.') if self.peek() == b'*' => {
                    self.at += 1;
                    self.append(Operation::AnyStar)?;
                }
                Some('.') => self.append(Operation::Any)?,
                Some('*') => {
                    let operand = operand.ok_or(RegexpError::Operand("*"))?;
                    self.insert(operand, Operation::Goto(distance(operand, begin + 1)))?;
                    self.append(Operation::Fork(distance(begin, operand)))?;
                }
                Some('+') => {
                    let operand = operand.ok_or(RegexpError::Operand("+"))?;
                    self.append(Operation::Fork(distance(begin, operand)))?;
                }
                Some('?') => {
                    let operand = operand.ok_or(RegexpError::Operand("?"))?;
                    self.insert(operand, Operation::Fork(distance(operand, begin + 1)))?;
                }
                Some('{') => self.repeat(operand.ok_or(RegexpError::Operand("{m,n}"))?)?,
                Some('$') => self.append(Operation::Is(0))?,
                Some('^') => self.append(Operation::AtStart)?,
                Some('[') => self.class()?,
                Some('\\') => self.escaped()?,
                _ => self.append(Operation::Is(character))?,
            }
            operand = Some(begin);
        }
        if !outer.is_empty() {
            return Err(RegexpError::Unmatched('('));
        }
        self.close(&group);
        self.append(Operation::Accept)?;
        if self.unknown_escape { Err(RegexpError::Escape) } else { Ok(self.operations) }
    }

    fn group(&self) -> Group {
        Group { begin: self.operations.len(), open_jump: None }
    }

    /// Lets the last alternative but one go on behind the group, which ends here.
    fn close(&mut self, group: &Group) {
        if let Some(at) = group.open_jump {
            self.operations[at] = Operation::Goto(distance(at, self.operations.len()));
        }
    }

    /// `{m,n}`, whose brace is read, for the operand at this place.
    fn repeat(&mut self, operand: usize) -> Result<(), RegexpError> {
        let least = self.number();
        let mut most = Some(least);
        if self.peek() == b',' {
            self.at += 1;
            most = Some(self.number()).filter(|most| *most > 0);
        }
        if self.peek() != b'}' {
            return Err(RegexpError::Unmatched('{'));
        }
        if most.is_some_and(|most| most > 0 && most < least) {
            return Err(RegexpError::Less);
        }
        self.at += 1;
        let copied = self.operations[operand..].to_vec();
        let mut copies = 1;
        if least == 0 {
            if most.is_none_or(|most| most == 0) {
                return Err(RegexpError::Zero);
            }
            self.insert(operand, Operation::Fork(distance(0, copied.len() + 1)))?;
        }
        // An empty group is the same however often it is there.
        while copies < least && !copied.is_empty() {
            self.copy(&copied)?;
            copies += 1;
        }
        copies = copies.max(least);
        match most {
            Some(most) => {
                for _ in copies..most {
                    self.append(Operation::Fork(distance(0, copied.len() + 1)))?;
                    self.copy(&copied)?;
                }
                Ok(())
            }
            None => self.append(Operation::Fork(distance(copied.len(), 0))),
        }
    }

    fn number(&mut self) -> usize {
        let mut number = 0_usize;
        while self.peek().is_ascii_digit() {
            let digit = usize::from(self.peek() - b'0');
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        number
    }

    /// A set of characters, whose `[` is read.
    fn class(&mut self) -> Result<(), RegexpError> {
        let first = self.operations.len();
        let excludes = self.peek() == b'^';
        self.at += usize::from(excludes);
        self.append(Operation::Class { excludes, length: 0 })?;
        let mut last;
        loop {
            last = self.next().ok_or(RegexpError::Class)?;
            if last == u32::from(b'[') && self.peek() == b':' {
                return Err(RegexpError::Posix);
            }
            if last == u32::from(b'\\') {
                last = self.escape();
            }
            if self.peek() == b'-' {
                self.at += 1;
                self.append(Operation::From(last))?;
                last = self.next().unwrap_or(0);
                if last == u32::from(b'\\') {
                    last = self.escape();
                }
                self.append(Operation::To(last))?;
            } else {
                self.append(Operation::One(last))?;
            }
            if self.peek() == b']' {
                self.at += 1;
                break;
            }
        }
        if last == 0 {
            return Err(RegexpError::Class);
        }
        let length = self.operations.len() - first;
        self.operations[first] = Operation::Class { excludes, length };
        Ok(())
    }

    /// What stands behind a backslash outside of a set.
    fn escaped(&mut self) -> Result<(), RegexpError> {
        let operation = match self.peek() {
            b'b' => Operation::Boundary,
            b'd' => Operation::Digit(true),
            b'D' => Operation::Digit(false),
            b's' => Operation::Space(true),
            b'S' => Operation::Space(false),
            b'w' => Operation::Word(true),
            b'W' => Operation::Word(false),
            _ => {
                let character = self.escape();
                return self.append(Operation::Is(character));
            }
        };
        self.at += 1;
        self.append(operation)
    }

    /// The character that an escape stands for. 0 at the end of the pattern.
    fn escape(&mut self) -> u32 {
        let rest = &self.text[self.at..];
        let Some(&letter) = rest.first() else { return 0 };
        let digits = match letter {
            b'u' => 4,
            b'x' => 2,
            _ => 0,
        };
        if let Some(found) = hexadecimal(rest.get(1..=digits).unwrap_or_default()) {
            self.at += 1 + digits;
            return found;
        }
        if let Some((_, character)) = CONTROLS.iter().find(|(of, _)| *of == letter) {
            self.at += 1;
            return *character;
        }
        if ESCAPED.contains(&letter) {
            self.at += 1;
        } else {
            // The letter is read again, as a character.
            self.unknown_escape = true;
        }
        u32::from(letter)
    }

    fn next(&mut self) -> Option<u32> {
        let (character, length) = next_character(&self.text[self.at..], self.ignores_case)?;
        self.at += length;
        Some(character)
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn append(&mut self, operation: Operation) -> Result<(), RegexpError> {
        self.insert(self.operations.len(), operation)
    }

    fn insert(&mut self, at: usize, operation: Operation) -> Result<(), RegexpError> {
        if self.operations.len() >= MOST_OPERATIONS {
            return Err(RegexpError::TooBig);
        }
        self.operations.insert(at, operation);
        Ok(())
    }

    fn copy(&mut self, operations: &[Operation]) -> Result<(), RegexpError> {
        if self.operations.len() + operations.len() > MOST_OPERATIONS {
            return Err(RegexpError::TooBig);
        }
        self.operations.extend_from_slice(operations);
        Ok(())
    }
}

/// The distance of a jump. No program is so long that it does not fit.
fn distance(from: usize, to: usize) -> i32 {
    let place = |place: usize| i32::try_from(place).unwrap_or(i32::MAX / 2);
    place(to) - place(from)
}

/// The number that hexadecimal digits stand for. None if there is none, or if one is no digit.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        char::from(*digit).to_digit(16).map(|digit| number * 16 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        let found = compile(pattern.as_bytes(), false).unwrap();
        found.is_match(text.as_bytes(), &|| false).unwrap()
    }

    #[test]
    fn patterns_match_as_those_of_sqlite() {
        let cases = [
            ("a", "cat", true),
            ("^a", "cat", false),
            ("^cat$", "cat", true),
            ("t$", "cat", true),
            ("c.t", "cat", true),
            ("c.*x?t", "c and t", true),
            ("^(ab|cd)+$", "abcdab", true),
            ("^(ab|cd)+$", "abc", false),
            ("^a{2,3}$", "aa", true),
            ("^a{2,3}$", "aaaa", false),
            ("^a{0,1}b$", "b", true),
            ("^a{2,}$", "aaaaa", true),
            ("^[a-cx]+$", "abcx", true),
            ("^[^a-c]$", "b", false),
            ("^[^a-c]$", "é", true),
            ("\\bcat\\b", "a cat!", true),
            ("\\bcat\\b", "concat", false),
            ("^\\w+\\s\\d+$", "abc 12", true),
            ("^\\W\\S\\D$", "!xy", true),
            ("\\x41\\u0042", "xABx", true),
            ("a\\.b", "a.b", true),
            ("a\\.b", "axb", false),
            ("^.$", "😀", true),
            ("", "", true),
            ("x|", "", true),
            ("^(){99999999999999999999}$", "", true),
            // An operator behind another one is SQLite's.
            ("^a+?$", "aa", false),
            ("^a**$", "", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(is_match(pattern, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_text_that_is_no_pattern_is_an_error() {
        let cases = [
            ("*a", RegexpError::Operand("*")),
            ("(+)", RegexpError::Operand("+")),
            ("a|{2}", RegexpError::Operand("{m,n}")),
            ("(a", RegexpError::Unmatched('(')),
            ("a)", RegexpError::Unrecognized),
            ("a{2", RegexpError::Unmatched('{')),
            ("a{3,2}", RegexpError::Less),
            ("a{0,0}", RegexpError::Zero),
            ("a{0,}", RegexpError::Zero),
            ("[a", RegexpError::Class),
            ("[[:alpha:]]", RegexpError::Posix),
            ("\\q", RegexpError::Escape),
            ("\\q(", RegexpError::Unmatched('(')),
            ("a{60000}", RegexpError::TooBig),
            ("(a{1000}){1000}", RegexpError::TooBig),
            ("a{99999999999999999999}", RegexpError::TooBig),
            ("(){1,99999999999999999999}", RegexpError::TooBig),
        ];
        for (pattern, expected) in cases {
            assert_eq!(compile(pattern.as_bytes(), false).err(), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn many_groups_take_no_stack() {
        let (open, close) = ("(".repeat(40_000), ")".repeat(40_000));
        assert!(is_match(&format!("{open}a{close}"), "a"));
    }

    #[test]
    fn a_pattern_that_other_matchers_take_forever_for_takes_linear_time() {
        let pattern = format!("{}{}b", "a?".repeat(100), "a".repeat(100));
        assert!(!is_match(&pattern, &"a".repeat(1000)));
        assert!(!is_match("^(a+)+$", &format!("{}b", "a".repeat(10_000))));
    }

    #[test]
    fn a_stop_ends_a_match() {
        for pattern in ["(a|b)*c", "cd", "bc"] {
            let found = compile(pattern.as_bytes(), false).unwrap();
            assert_eq!(found.is_match(&b"ab".repeat(1_000_000), &|| true), None, "{pattern}");
        }
    }

    #[test]
    fn a_text_and_a_pattern_end_at_their_first_nul() {
        assert!(is_match("ab$", "ab\0c"));
        assert!(!is_match("[c]", "ab\0c"));
        assert!(!is_match("c", "ab\0c"));
        assert!(is_match("b\0c", "ab\0d"));
    }
}
