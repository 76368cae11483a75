//! Where in the SQL of a call an error is: the offset of a token, and the SQL there as further lines of the error's
//! text. They quote the caller's SQL, never an argument.

use super::error::Error;
use crate::tokens;
use crate::wire::records::SqlPlace;

/// The longest part of a line that is shown, in characters.
const LONGEST_LINE: usize = 80;
/// The longest part of a statement that is shown, in characters.
const LONGEST_STATEMENT: usize = 200;
/// What the further lines begin with.
const INDENT: &str = "  ";

/// The place of the token that SQLite's error is about, if there is one.
pub fn of_token(error: &Error, sql: &str) -> Option<Box<SqlPlace>> {
    let at = error.offset()?;
    let (before, behind) = sql.split_at_checked(at)?;
    let offset = u32::try_from(before.encode_utf16().count()).ok();
    Some(Box::new(SqlPlace { offset, lines: line_and_caret(before, behind) }))
}

/// The same for an error of one of several statements: without a token, the statement is shown.
pub fn of_one(error: &Error, statement: &str) -> Option<Box<SqlPlace>> {
    of_token(error, statement).or_else(|| {
        let lines = shortened(statement);
        (error.is_of_statement() && !lines.is_empty())
            .then(|| Box::new(SqlPlace { offset: None, lines }))
    })
}

/// The same for an error of the statement of a script with this index.
pub fn of_script(error: &Error, script: &str, index: usize) -> Option<Box<SqlPlace>> {
    of_token(error, script).or_else(|| {
        let statement = tokens::statements(script).into_iter().nth(index)?;
        of_one(error, script.get(statement)?)
    })
}

/// The line on which the place is, or the part of it around the place, and a caret below. Its number is told if
/// there are several lines.
fn line_and_caret(before: &str, behind: &str) -> String {
    let number = before.matches('\n').count() + 1;
    let is_only = number == 1 && !behind.trim_end().contains('\n');
    let before = before.rsplit('\n').next().unwrap_or_default();
    let behind = behind.split('\n').next().unwrap_or_default().trim_end();
    // A longer line is shown from the middle of the window on, or to its end.
    let half = LONGEST_LINE / 2;
    let left = before.chars().rev().take(LONGEST_LINE).count();
    let right = behind.chars().take(LONGEST_LINE).count();
    let left = left.min(half.max(LONGEST_LINE.saturating_sub(right)));
    let right = right.min(LONGEST_LINE - left);
    let mut begin: Vec<char> = before.chars().rev().take(left).collect();
    begin.reverse();
    let is_cut = begin.iter().map(|c| c.len_utf8()).sum::<usize>() < before.len();
    let label = if is_only { INDENT.to_owned() } else { format!("{INDENT}line {number}: ") };
    let label = label + if is_cut { "…" } else { "" };
    let begin: String = begin.into_iter().map(visible).collect();
    let end: String = behind.chars().take(right).map(visible).collect();
    let more = if behind.chars().nth(right).is_some() { "…" } else { "" };
    let column = label.chars().count() + left;
    format!("{label}{begin}{end}{more}\n{}^", " ".repeat(column))
}

/// A statement on one line, and no more than the beginning of a long one.
fn shortened(statement: &str) -> String {
    let mut line = String::new();
    let words = statement.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        line.push_str(if line.is_empty() { INDENT } else { " " });
        line.push_str(word);
        if let Some((end, _)) = line.char_indices().nth(INDENT.len() + LONGEST_STATEMENT) {
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

/// A terminal, or a log, shows one character for it, on the same line.
fn visible(c: char) -> char {
    if c.is_whitespace() || c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite;

    fn at(sql: &str, offset: usize) -> Option<Box<SqlPlace>> {
        let message = "near \"x\": syntax error".to_owned();
        of_token(&Error::Sqlite(sqlite::Error::Input { code: 1, message, offset }), sql)
    }

    fn lines(sql: &str, offset: usize) -> String {
        at(sql, offset).map(|place| place.lines).unwrap_or_default()
    }

    #[test]
    fn the_caret_is_below_the_token() {
        assert_eq!(lines("selec 1", 0), "  selec 1\n  ^");
        assert_eq!(lines("select a b c", 11), "  select a b c\n             ^");
        assert_eq!(lines("select", 6), "  select\n        ^");
    }

    #[test]
    fn several_lines_are_numbered_and_control_characters_are_not_shown() {
        assert_eq!(lines("select 1,\n\tx\r\nfrom", 11), "  line 2:  x\n           ^");
        assert_eq!(lines("x\u{1b}[31m\nfrom", 0), "  line 1: x [31m\n          ^");
        assert_eq!(lines("select x\n", 7), "  select x\n         ^");
    }

    #[test]
    fn an_offset_is_in_units_of_javascript() {
        assert_eq!(at("/* é😀 */ x", 13).and_then(|place| place.offset), Some(10));
        assert_eq!(at("/* é😀 */ x", 15), None, "an offset beyond the text");
        assert_eq!(at("é", 1), None, "an offset within a character");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_token_is_shown() {
        let sql = format!("{}|{}", "a".repeat(1000), "b".repeat(1000));
        let (a, b) = ("a".repeat(40), "b".repeat(39));
        assert_eq!(lines(&sql, 1000), format!("  …{a}|{b}…\n{}^", " ".repeat(43)));
        let (a, b) = ("a".repeat(5), "b".repeat(74));
        assert_eq!(lines(&sql[995..], 5), format!("  {a}|{b}…\n{}^", " ".repeat(7)));
        let a = "a".repeat(78);
        assert_eq!(lines(&sql[..1002], 1000), format!("  …{a}|b\n{}^", " ".repeat(81)));
    }

    #[test]
    fn a_statement_is_on_one_line_and_shortened() {
        assert_eq!(shortened(" insert\n\tinto t\u{0} "), "  insert into t");
        assert_eq!(shortened("  "), "");
        let long = shortened(&"é".repeat(300));
        assert_eq!(long, format!("  {}…", "é".repeat(200)));
        assert_eq!(shortened(&"é".repeat(200)), format!("  {}", "é".repeat(200)));
    }

    #[test]
    fn of_a_script_the_failed_statement_is_shown() {
        let error = Error::Sqlite(sqlite::Error::Sqlite { code: 19, message: String::new() });
        let place = of_script(&error, "select 1;; -- one\ninsert into t; select 2", 1);
        assert_eq!(place.map(|place| place.lines).as_deref(), Some("  insert into t;"));
        assert_eq!(of_script(&Error::TransactionClosed, "select 1", 0), None);
    }
}
