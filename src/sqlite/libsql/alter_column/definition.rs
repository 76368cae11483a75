//! The definition of one column in the text of its table (<https://sqlite.org/lang_createtable.html>).

use std::ops::Range;

use crate::tokens::{Spanned, Token, name, split, tokens, up_to_closing};

/// A constraint of a column that libSQL does not alter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// GENERATED ALWAYS AS.
    Generated,
}

impl Fixed {
    const ALL: [(Self, &str); 3] =
        [(Self::PrimaryKey, "PRIMARY"), (Self::Unique, "UNIQUE"), (Self::Generated, "AS")];

    /// Its name in the texts of libSQL's errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrimaryKey => "PRIMARY KEY",
            Self::Unique => "UNIQUE",
            Self::Generated => "GENERATED",
        }
    }
}

/// Where the column with this index, and this name, is defined in the text of its table: from its name to the
/// comma or the parenthesis behind it, as libSQL replaces it. None if it is not found.
pub fn place(table: &str, index: usize, column: &str) -> Option<Range<usize>> {
    let tokens = tokens(table);
    let open = tokens.iter().position(|(token, _)| *token == Token::Other('('))?;
    let (columns, closing) = up_to_closing(tokens.get(open + 1..)?)?;
    let definition = split(columns).into_iter().nth(index)?;
    if !name(definition)?.eq_ignore_ascii_case(column) {
        return None;
    }
    let (begin, last) = (definition.first()?.1.start, definition.last()?.1.end);
    let behind = |(_, range): &&Spanned| range.start >= last;
    let end = columns.iter().find(behind).map(|(_, comma)| comma.start);
    // The parenthesis is the token before those that are behind it.
    let parenthesis = tokens.len().checked_sub(closing.len() + 1)?;
    Some(begin..end.or(tokens.get(parenthesis).map(|(_, range)| range.start))?)
}

/// What SQLite finds wrong with a definition that is not one column's: it ends too early or too late.
pub fn misplaced(definition: &str) -> Option<String> {
    let mut depth = 0;
    for (token, _) in tokens(definition) {
        match token {
            Token::Other('(') => depth += 1,
            Token::Other(')') if depth == 0 => return Some("near \")\": syntax error".to_owned()),
            Token::Other(')') => depth -= 1,
            Token::Other(',') if depth == 0 => return Some("near \",\": syntax error".to_owned()),
            _ => {}
        }
    }
    (depth > 0).then(|| "incomplete input".to_owned())
}

/// The constraint that one of two definitions of a column has, and the other one has not.
pub fn altered(old: &str, new: &str) -> Option<Fixed> {
    let (old, new) = (constraints(old), constraints(new));
    Fixed::ALL
        .iter()
        .map(|(fixed, _)| *fixed)
        .find(|fixed| old.contains(fixed) != new.contains(fixed))
}

/// Whether a definition has UNIQUE.
pub fn is_unique(definition: &str) -> bool {
    constraints(definition).contains(&Fixed::Unique)
}

fn constraints(definition: &str) -> Vec<Fixed> {
    let mut depth = 0;
    let mut found = Vec::new();
    // The name of the column may be a keyword in a string or in quotes, which are no words.
    for (token, _) in tokens(definition).into_iter().skip(1) {
        match &token {
            Token::Other('(') => depth += 1,
            Token::Other(')') => depth -= 1,
            // Keywords that SQLite reserves: they are nothing else here.
            _ if depth == 0 => {
                let is = |(_, keyword): &&(Fixed, &str)| token.is_keyword(keyword);
                found.extend(Fixed::ALL.iter().find(is).map(|(fixed, _)| *fixed));
            }
            _ => {}
        }
    }
    found
}

/// The affinity of a column with this declared type (<https://sqlite.org/datatype3.html>, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// None.
    Blob,
    /// TEXT.
    Text,
    /// REAL. It reads an integer as a floating point number.
    Real,
    /// NUMERIC or INTEGER.
    Numeric,
}

impl Affinity {
    /// The affinity of a declared type. In a STRICT table, ANY has none.
    pub fn of(declared: &str, is_strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match () {
            () if declared.is_empty() || is_strict && declared == "ANY" => Self::Blob,
            () if has(&["INT"]) => Self::Numeric,
            () if has(&["CHAR", "CLOB", "TEXT"]) => Self::Text,
            () if has(&["BLOB"]) => Self::Blob,
            () if has(&["REAL", "FLOA", "DOUB"]) => Self::Real,
            () => Self::Numeric,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_in_its_table() {
        let table = "CREATE TABLE \"a(\" (a INT DEFAULT (1, 2), /* , */ 'b c' TEXT CHECK (x IN (')', 1)) -- ,\n, c , \
                     PRIMARY KEY (a))";
        let text = |index, name| place(table, index, name).and_then(|range| table.get(range));
        assert_eq!(text(0, "A"), Some("a INT DEFAULT (1, 2)"));
        assert_eq!(text(1, "b c"), Some("'b c' TEXT CHECK (x IN (')', 1)) -- ,\n"));
        assert_eq!(text(2, "c"), Some("c "));
        assert_eq!(text(2, "d"), None);
        assert_eq!(text(9, "d"), None);
        let last = "CREATE TABLE t(a, b TEXT ) STRICT";
        assert_eq!(place(last, 1, "b").and_then(|range| last.get(range)), Some("b TEXT "));
    }

    #[test]
    fn a_constraint_is_told_from_what_looks_like_one() {
        assert_eq!(
            altered("a INT", "a INT NOT NULL DEFAULT 'UNIQUE' CHECK (a IS (SELECT 1 AS x))"),
            None
        );
        assert_eq!(altered("\"UNIQUE\" INT", "\"UNIQUE\" TEXT"), None);
        assert_eq!(altered("a INT", "a INT unique"), Some(Fixed::Unique));
        assert_eq!(altered("a INT PRIMARY KEY UNIQUE", "a INT"), Some(Fixed::PrimaryKey));
        assert_eq!(altered("a INT AS (1)", "a INT"), Some(Fixed::Generated));
    }

    #[test]
    fn a_definition_ends_where_its_column_does() {
        assert_eq!(misplaced("a DECIMAL(1, 2)"), None);
        assert!(misplaced("a, b").is_some());
        assert!(misplaced("a)").is_some());
        assert!(misplaced("a CHECK (").is_some());
    }

    #[test]
    fn types_have_the_affinities_of_sqlite() {
        use Affinity::{Blob, Numeric, Real, Text};
        for (declared, affinity) in [
            ("", Blob),
            ("CHARINT", Numeric),
            ("varchar(3)", Text),
            ("F32_BLOB(3)", Blob),
            ("DOUBLE", Real),
            ("FLOATING POINT", Numeric),
            ("any", Numeric),
        ] {
            assert_eq!(Affinity::of(declared, false), affinity, "{declared}");
        }
        assert_eq!(Affinity::of("ANY", true), Blob);
    }
}
