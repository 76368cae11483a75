//! The automaton of a regular expression: its operations, and how it runs over a text.

use std::cell::RefCell;

/// One operation. A jump is relative to its own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Takes this character. 0 is the end of the text.
    Is(u32),
    /// Takes any character.
    Any,
    /// Takes any number of characters.
    AnyStar,
    /// Goes on here and there.
    Fork(i32),
    /// Goes on there.
    Goto(i32),
    /// Has found a match.
    Accept,
    /// Takes a character of the set in the next operations. `length` counts them and this one.
    Class { excludes: bool, length: usize },
    /// One character of a set.
    One(u32),
    /// The first character of a range in a set.
    From(u32),
    /// The last character of that range.
    To(u32),
    /// Takes a letter of ASCII, a digit or `_`, or a character that is none.
    Word(bool),
    /// Takes a digit, or a character that is none.
    Digit(bool),
    /// Takes white space, or a character that is none.
    Space(bool),
    /// Goes on between a character of a word and one that is none.
    Boundary,
    /// Goes on at the begin of the text.
    AtStart,
}

/// The end of the text.
const END: u32 = 0;

/// What stands before the first character.
const START: u32 = u32::MAX;

/// The number of visits of operations between two questions whether to stop. They take about 0.2 ms.
const VISITS_BETWEEN_QUESTIONS: usize = 1 << 16;

/// The number of bytes that are searched for a byte between two such questions. They take about 0.5 ms.
const BYTES_BETWEEN_QUESTIONS: usize = 1 << 20;

/// The longest begin of all matches that is looked for at first, in bytes.
const LONGEST_BEGIN: usize = 16;

/// The operations of a regular expression.
#[derive(Debug)]
pub struct Automaton {
    operations: Vec<Operation>,
    ignores_case: bool,
    /// The bytes with which each match begins. Empty if they are not the same.
    begin: Vec<u8>,
    states: RefCell<[States; 2]>,
}

/// A set of places in the program.
#[derive(Debug, Default)]
struct States {
    places: Vec<usize>,
    /// For each place the round in which it was added last.
    rounds: Vec<u64>,
    round: u64,
}

impl States {
    fn clear(&mut self, size: usize) {
        self.places.clear();
        self.rounds.resize(size, 0);
        self.round += 1;
    }

    /// A jump out of the program, which an operator behind another one can make, leads nowhere.
    fn add(&mut self, place: usize) {
        if let Some(round) = self.rounds.get_mut(place)
            && *round != self.round
        {
            *round = self.round;
            self.places.push(place);
        }
    }
}

impl Automaton {
    /// The automaton of these operations.
    pub fn new(operations: Vec<Operation>, ignores_case: bool) -> Self {
        let begin = if ignores_case { Vec::new() } else { begin_of(&operations) };
        Self { operations, ignores_case, begin, states: RefCell::default() }
    }

    /// Whether there is a match in a text, which ends at its first NUL. None if `is_stopped`, which is asked from time
    /// to time, said so.
    pub fn is_match(&self, text: &[u8], is_stopped: &dyn Fn() -> bool) -> Option<bool> {
        let (mut rest, mut previous);
        let mut character = START;
        if self.begin.is_empty() {
            rest = text;
        } else {
            rest = match find(text, &self.begin, is_stopped)? {
                Some(found) => found,
                None => return Some(false),
            };
            // The text may have begun before.
            character = START - 1;
        }
        let mut states = self.states.borrow_mut();
        let [this, next] = &mut *states;
        let size = self.operations.len();
        next.clear(size);
        next.add(0);
        let mut visits = 0;
        while character != END && !next.places.is_empty() {
            previous = character;
            let (taken, length) = next_character(rest, self.ignores_case).unwrap_or((END, 0));
            (character, rest) = (taken, &rest[length..]);
            std::mem::swap(this, next);
            next.clear(size);
            let mut at = 0;
            while let Some(&place) = this.places.get(at) {
                at += 1;
                if self.visit(place, character, previous, this, next) {
                    return Some(true);
                }
            }
            visits += at;
            if visits >= VISITS_BETWEEN_QUESTIONS {
                visits = 0;
                if is_stopped() {
                    return None;
                }
            }
        }
        Some(next.places.iter().any(|place| self.accepts(*place)))
    }

    /// Adds the places that follow this one. Whether a match was found.
    fn visit(
        &self,
        place: usize,
        character: u32,
        previous: u32,
        this: &mut States,
        next: &mut States,
    ) -> bool {
        let is_there = character != END;
        let takes = match self.operations[place] {
            Operation::Is(expected) => character == expected,
            Operation::Any => is_there,
            Operation::Word(expected) => is_word(character) == expected && is_there,
            Operation::Digit(expected) => is_digit(character) == expected && is_there,
            Operation::Space(expected) => is_space(character) == expected && is_there,
            Operation::Class { excludes, length } => {
                let set = &self.operations[place + 1..place + length];
                if (!excludes || is_there) && contains(set, character) != excludes {
                    next.add(place + length);
                }
                false
            }
            Operation::AnyStar => {
                next.add(place);
                this.add(place + 1);
                false
            }
            Operation::Fork(distance) => {
                this.add(target(place, distance));
                this.add(place + 1);
                false
            }
            Operation::Goto(distance) => {
                this.add(target(place, distance));
                false
            }
            Operation::Boundary => {
                if is_word(character) != is_word(previous) {
                    this.add(place + 1);
                }
                false
            }
            Operation::AtStart => {
                if previous == START {
                    this.add(place + 1);
                }
                false
            }
            Operation::Accept => return true,
            Operation::One(_) | Operation::From(_) | Operation::To(_) => false,
        };
        if takes {
            next.add(place + 1);
        }
        false
    }

    /// Whether a match ends at this place, behind the end of the text.
    fn accepts(&self, mut place: usize) -> bool {
        // Jumps forward alone follow each other here.
        for _ in 0..self.operations.len() {
            match self.operations.get(place) {
                Some(Operation::Goto(distance)) => place = target(place, *distance),
                found => return found == Some(&Operation::Accept),
            }
        }
        false
    }
}

fn target(place: usize, distance: i32) -> usize {
    let step = usize::try_from(distance.unsigned_abs()).unwrap_or(usize::MAX);
    if distance < 0 { place.saturating_sub(step) } else { place.saturating_add(step) }
}

fn contains(set: &[Operation], character: u32) -> bool {
    let mut from = 0;
    set.iter().any(|operation| match operation {
        Operation::One(one) => *one == character,
        Operation::From(first) => {
            from = *first;
            false
        }
        Operation::To(last) => (from..=*last).contains(&character),
        _ => false,
    })
}

/// The rest of a text from the first place on where it begins so. None if there is none before the first NUL. None
/// instead of an answer if `is_stopped` said so.
fn find<'a>(
    text: &'a [u8],
    begin: &[u8],
    is_stopped: &dyn Fn() -> bool,
) -> Option<Option<&'a [u8]>> {
    let first = begin.first().copied().unwrap_or(0);
    let mut asked_at = BYTES_BETWEEN_QUESTIONS;
    let mut at = 0;
    while at < text.len() {
        let part = &text[at..text.len().min(asked_at)];
        match part.iter().position(|byte| *byte == first || *byte == 0) {
            Some(place) if part[place] == 0 => return Some(None),
            Some(place) if text[at + place..].starts_with(begin) => {
                return Some(Some(&text[at + place..]));
            }
            Some(place) => at += place + 1,
            None => at += part.len(),
        }
        if at >= asked_at {
            asked_at += BYTES_BETWEEN_QUESTIONS;
            if is_stopped() {
                return None;
            }
        }
    }
    Some(None)
}

/// The bytes with which each match begins.
fn begin_of(operations: &[Operation]) -> Vec<u8> {
    let mut begin = Vec::new();
    let Some((Operation::AnyStar, rest)) = operations.split_first() else { return begin };
    for operation in rest {
        let character = match operation {
            Operation::Is(character) if *character != END => char::from_u32(*character),
            _ => None,
        };
        match character {
            // Bytes that are not UTF-8 count as U+FFFD.
            Some(character) if character != '\u{fffd}' && begin.len() < LONGEST_BEGIN => {
                begin.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => break,
        }
    }
    begin
}

/// The first character of a text, and its length in bytes. U+FFFD for what is not UTF-8. None at the end.
pub fn next_character(text: &[u8], lowers: bool) -> Option<(u32, usize)> {
    const REPLACEMENT: u32 = 0xfffd;
    let first = *text.first()?;
    if first < 0x80 {
        let first = if lowers { first.to_ascii_lowercase() } else { first };
        return Some((u32::from(first), 1));
    }
    let (length, least) = match first {
        0xc0..=0xdf => (2, 0x80),
        0xe0..=0xef => (3, 0x800),
        0xf0..=0xf7 => (4, 0x1_0000),
        _ => return Some((REPLACEMENT, 1)),
    };
    let following = text.get(1..length).unwrap_or_default();
    if following.is_empty() || following.iter().any(|byte| byte & 0xc0 != 0x80) {
        return Some((REPLACEMENT, 1));
    }
    let bits = u32::from(first) & (0x7f >> length);
    let found = following.iter().fold(bits, |bits, byte| bits << 6 | u32::from(byte & 0x3f));
    let is_valid = found >= least && char::from_u32(found).is_some();
    Some((if is_valid { found } else { REPLACEMENT }, length))
}

fn is_word(character: u32) -> bool {
    char::from_u32(character).is_some_and(|found| found.is_ascii_alphanumeric() || found == '_')
}

fn is_digit(character: u32) -> bool {
    char::from_u32(character).is_some_and(|found| found.is_ascii_digit())
}

fn is_space(character: u32) -> bool {
    matches!(character, 0x20 | 0x09..=0x0d)
}
