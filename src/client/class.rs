//! The classes of calls by which the line decides, and what the text of a statement tells of its class.

/// What the order has to know of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The call runs on the main lane.
    Main,
    /// The call runs on the main lane, while no reader lane has a connection. Later reads wait for it, also while it
    /// waits itself.
    Alone,
    /// The call reads, as far as its text says, and is not known to take long.
    ShortRead,
    /// The call reads, and takes long.
    LongRead,
    /// The call begins a transaction that may write. The transaction has a lane of its own.
    Begin,
    /// The call begins a transaction that only reads.
    BeginRead,
    /// The call opens a cursor in a transaction of its own. Later writes wait until it has begun to read.
    BeginCursor,
    /// The call begins a transaction, which has taken the main lane. It waits for every call on that.
    BeginOnMain,
}

/// The longest text that is searched for words. A longer one is taken to have them.
const LONGEST_SEARCHED: usize = 64 * 1024;

/// What needs a file that no other connection of the client has open, or reads.
const NEEDS_TO_BE_ALONE: [&str; 4] = ["journal_mode", "locking_mode", "wal_checkpoint", "vacuum"];

impl Class {
    /// The class of a statement that has not run yet.
    pub fn of_statement(sql: &str) -> Self {
        const READING: [&str; 2] = ["select", "values"];
        let begin = without_comments(sql);
        let begins_with = |word: &str| {
            begin.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        // SQLite makes the setting of a PRAGMA that is explained, too.
        let reads = READING.into_iter().any(begins_with)
            || begins_with("explain") && sql.len() <= LONGEST_SEARCHED && !has_word(sql, "pragma")
            || begins_with("with") && sql.len() <= LONGEST_SEARCHED && !may_write(begin);
        if reads { Self::ShortRead } else { Self::of_script(sql) }
    }

    /// The class of a text of several statements.
    pub fn of_script(sql: &str) -> Self {
        let has = |word: &&str| has_word(sql, word);
        if sql.len() > LONGEST_SEARCHED || NEEDS_TO_BE_ALONE.iter().any(has) {
            Self::Alone
        } else {
            Self::Main
        }
    }

    /// Whether a call of this class only reads.
    pub fn is_read(self) -> bool {
        matches!(self, Self::ShortRead | Self::LongRead)
    }
}

fn has_word(sql: &str, word: &str) -> bool {
    let mut words = sql.as_bytes().windows(word.len());
    words.any(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

/// A text without the white space and the comments at its beginning
/// (<https://sqlite.org/lang_comment.html>).
fn without_comments(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest =
            rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == ';');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return rest;
        };
    }
}

/// Whether a text that begins with WITH may write: what comes behind the common table expressions says so, which are
/// in parentheses (<https://sqlite.org/lang_with.html>).
fn may_write(sql: &str) -> bool {
    const VERBS: [&str; 6] = ["select", "values", "insert", "update", "delete", "replace"];
    let is_of_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..);
    let (mut rest, mut depth) = (sql.as_bytes(), 0usize);
    while let Some((first, behind)) = rest.split_first() {
        let end_of = |mark: &[u8]| behind.windows(mark.len()).position(|at| at == mark);
        let skip = match (first, behind.first()) {
            (b'(', _) => {
                depth += 1;
                0
            }
            (b')', _) => {
                depth = depth.saturating_sub(1);
                0
            }
            (b'-', Some(b'-')) => end_of(b"\n").unwrap_or(behind.len()),
            (b'/', Some(b'*')) => {
                let inside = behind.get(1..).unwrap_or_default();
                let end = inside.windows(2).position(|at| at == b"*/");
                end.map_or(behind.len(), |end| end + 3)
            }
            (b'\'' | b'"' | b'`', _) => end_of(&[*first]).map_or(behind.len(), |end| end + 1),
            (b'[', _) => end_of(b"]").map_or(behind.len(), |end| end + 1),
            (letter, _) if is_of_word(*letter) => {
                let length = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                let is = |verb: &&str| rest[..length].eq_ignore_ascii_case(verb.as_bytes());
                if depth == 0
                    && let Some(verb) = VERBS.iter().find(|verb| is(verb))
                {
                    return !matches!(*verb, "select" | "values");
                }
                length - 1
            }
            _ => 0,
        };
        rest = behind.get(skip..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use Class::{Alone, Main as Write, ShortRead as Short};

    #[test]
    fn the_text_tells_the_class() {
        for (class, texts) in [
            (
                Short,
                &[
                    "select 1",
                    " -- a\n;/* b */ SELECT 1",
                    "with t as (select 1) select 1",
                    "WITH RECURSIVE [a)](b) AS NOT MATERIALIZED (SELECT ')''(', \"(\", `(`, [(] /* ( */ -- (\n) SELECT replace(1, 2, 3)",
                    "with t as (values (1)) values (1)",
                    "explain query plan insert into t values (1)",
                    "values (1)",
                ][..],
            ),
            (
                Write,
                &[
                    "insert into t values (1)",
                    "with t as (select 1) insert into t select 1",
                    "with t as (select 1), u as (select 2)delete from t",
                    "with \"select\" as (select 1) /*select*/ update t set a = 1",
                    "with t as (values (1)) replace into t select 1",
                    "pragma user_version",
                    "explain PRAGMA foreign_keys = off",
                    "",
                    "-- select",
                    "/* select",
                ],
            ),
            (Alone, &["PRAGMA Journal_Mode = wal", "vacuum", "pragma wal_checkpoint(truncate)"]),
        ] {
            for text in texts {
                assert_eq!(Class::of_statement(text), class, "{text}");
            }
        }
        assert_eq!(Class::of_script("select 1; select 2"), Write);
        assert_eq!(Class::of_script(&" ".repeat(LONGEST_SEARCHED + 1)), Alone);
    }
}
